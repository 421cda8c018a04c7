//! What `dig` makes of it.

use std::process::Command;

use super::server::Server;

/// What `dig` says with these arguments; `None` where there is no `dig`.
fn dig(server: &Server, arguments: &str) -> Option<String> {
    let port = server.address.port().to_string();
    let fixed = ["@127.0.0.1", "-p", &port, "+tries=1", "+time=20"];
    let output = Command::new("dig").args(fixed).args(arguments.split(' ')).output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments}: {text}");
    Some(text)
}

#[test]
fn dig_reads_every_answer() {
    let server = Server::start();
    for (arguments, wanted) in [
        ("+short app.ns.10.0.0.5.sslip.io", "10.0.0.5"),
        ("+short app-10-0-0-5.sslip.io", "10.0.0.5"),
        ("+short app.0a000005.sslip.io", "10.0.0.5"),
        ("+short app.10-0-0-5.nip.io +tcp", "10.0.0.5"),
        ("+short -q --1.sslip.io -t AAAA", "::1"),
        ("+short app.2a01-4f8-c17-b8f--2.sslip.io AAAA", "2a01:4f8:c17:b8f::2"),
        ("+short hello.default.apps.example.com AAAA", "2001:db8::5"),
        ("+short sslip.io NS", "ns.sslip.io."),
        ("+short sslip.io SOA", "ns.sslip.io. hostmaster.sslip.io. 1 3600 600 86400 60"),
        // What `dig` thinks of the packet itself.
        ("app.10-0-0-5.sslip.io", "flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1"),
        ("app.10-0-0-5.sslip.io +noedns", "ADDITIONAL: 0"),
        ("app.10-0-0-5.sslip.io +edns=1 +noednsneg", "status: BADVERS"),
        ("app.10-0-0-5.sslip.io +opcode=status", "status: NOTIMP"),
        ("app.10-0-0-5.sslip.io +dnssec", "EDNS: version: 0, flags: do; udp: 1232"),
        ("app.sslip.io", "status: NXDOMAIN"),
        ("app.10-0-0-6.nip.io", "status: REFUSED"),
        ("example.org", "status: REFUSED"),
        ("sslip.io ANY", "status: REFUSED"),
        ("version.bind CH TXT", "status: REFUSED"),
        ("many.example +ignore", "flags: qr aa tc rd; QUERY: 1, ANSWER: 0"),
        ("many.example", "ANSWER: 20"),
        ("most.example", "Truncated, retrying in TCP mode"),
    ] {
        let Some(said) = dig(&server, arguments) else {
            println!("SKIPPED: answers as dig reads them; it needs dig, of Debian's bind9-dnsutils");
            return;
        };
        assert!(said.contains(wanted), "{arguments}: {said}");
        assert!(!said.contains("WARNING: M") && !said.contains("malformed"), "{arguments}: {said}");
    }
}
