// The sign-in page: user name, password and one-time code in one form.

const LARGEST_FORM = 4096;

export function pages(provider, people) {
  return async (request, response) => {
    const { prompt } = await provider.interactionDetails(request, response);
    if (prompt.name !== 'login') throw new Error(`there is no page for the prompt ${prompt.name}`);
    if (request.method !== 'POST') {
      show(response, 200, '');
      return;
    }
    const form = await readForm(request);
    if (form.get('cancel')) {
      const refusal = { error: 'access_denied', error_description: 'the person chose not to sign in' };
      await provider.interactionFinished(request, response, refusal);
      return;
    }
    const attempt = Object.fromEntries(['username', 'password', 'code'].map((name) => [name, form.get(name) ?? '']));
    const login = people.signIn(attempt, Date.now());
    if (!login) {
      show(response, 401, 'The user name, the password or the code is wrong.');
      return;
    }
    await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
  };
}

async function readForm(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > LARGEST_FORM) throw new Error('the form is too large');
  }
  return new URLSearchParams(text);
}

/** `notice` is text of our own and never what somebody sent. */
function show(response, status, notice) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
  });
  response.end(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in</title>
<style>
  body { font: 16px/1.5 sans-serif; margin: 4rem auto; max-width: 20rem; }
  label, input, button { display: block; width: 100%; box-sizing: border-box; }
  input { margin-bottom: 1rem; padding: .4rem; }
  .notice { color: #a00; }
</style></head>
<body>
<h1>Sign in</h1>
<p class="notice" role="alert">${notice}</p>
<form method="post">
  <label for="username">E-mail address</label>
  <input id="username" name="username" autocomplete="username" required autofocus>
  <label for="password">Password</label>
  <input id="password" name="password" type="password" autocomplete="current-password" required>
  <label for="code">One-time code, if you have a second factor</label>
  <input id="code" name="code" inputmode="numeric" autocomplete="one-time-code">
  <button type="submit">Sign in</button>
  <button type="submit" name="cancel" value="yes" formnovalidate>Cancel</button>
</form>
</body>
</html>
`);
}
