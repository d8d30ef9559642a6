// Cookies as a browser keeps them, as far as a sign-in needs: origin, path, and removal.

export class CookieJar {
  #cookies = new Map();

  keep(url, lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, value] = split(pair);
      const named = new Map(attributes.map(split).map(([key, text]) => [key.toLowerCase(), text]));
      const path = named.get('path') ?? '/';
      const key = [url.origin, path, name].join(' ');
      const expires = named.get('expires');
      if (expires && Date.parse(expires) <= Date.now()) this.#cookies.delete(key);
      else this.#cookies.set(key, { origin: url.origin, path, name, value });
    }
  }

  headersFor(url) {
    const fitting = [...this.#cookies.values()].filter((cookie) => cookie.origin === url.origin && under(cookie.path, url.pathname));
    return fitting.length ? { cookie: fitting.map(({ name, value }) => `${name}=${value}`).join('; ') } : {};
  }
}

function split(text) {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function under(path, pathname) {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}
