//! scratch
use ssh_encoding::Encode;
fn s(out: &mut Vec<u8>, b: &[u8]) {
    (b.len() as u32).encode(out).unwrap();
    out.extend_from_slice(b);
}
fn level(inner: &[u8], variant: u8) -> Vec<u8> {
    let mut o = Vec::new();
    s(&mut o, b"ssh-ed25519-cert-v01@openssh.com");
    s(&mut o, b"");
    s(&mut o, &[7; 32]);
    o.extend_from_slice(&1u64.to_be_bytes());
    o.extend_from_slice(&1u32.to_be_bytes());
    s(&mut o, b"");
    s(&mut o, b"");
    o.extend_from_slice(&0u64.to_be_bytes());
    o.extend_from_slice(&u64::MAX.to_be_bytes());
    s(&mut o, b"");
    s(&mut o, b"");
    s(&mut o, b"");
    s(&mut o, inner);
    let mut sig = Vec::new();
    if variant == 0 {
        s(&mut sig, b"ssh-ed25519");
        s(&mut sig, &[1; 64]);
    } else {
        s(&mut sig, b"a@b");
        s(&mut sig, b"");
    }
    s(&mut o, &sig);
    o
}
#[test]
fn measure() {
    let variant: u8 = std::env::var("V")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    let size: usize = std::env::var("SIZE").unwrap().parse().unwrap();
    let stack: usize = std::env::var("STACK").unwrap().parse().unwrap();
    let mut plain = Vec::new();
    s(&mut plain, b"ssh-ed25519");
    s(&mut plain, &[9; 32]);
    let mut blob = plain;
    let mut n = 0;
    loop {
        let next = level(&blob, variant);
        if next.len() > size {
            break;
        }
        blob = next;
        n += 1;
    }
    eprintln!("levels {n} bytes {}", blob.len());
    std::thread::Builder::new()
        .stack_size(stack)
        .spawn(move || {
            let t = std::time::Instant::now();
            use ssh_encoding::Decode as _;
            let r = ssh_key::Certificate::decode(&mut blob.as_slice());
            eprintln!("decoded {} in {:?}", r.is_ok(), t.elapsed());
            if let Ok(c) = &r {
                let t = std::time::Instant::now();
                let v = c.verify_signature();
                eprintln!("verify {:?} {:?}", v.is_ok(), t.elapsed());
            } else if let Err(e) = &r {
                eprintln!("{e:?}");
            }
        })
        .unwrap()
        .join()
        .unwrap();
}
