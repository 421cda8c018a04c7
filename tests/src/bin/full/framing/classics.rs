//! Request smuggling as it is written of: two ways to read where a request ends, and a request that only one
//! of them sees.

use super::case::{Case, Table, Wanted, post, request, smuggled};

/// Headers that one party takes for chunks and another does not, beside a length.
const DISGUISES: &[&[u8]] = &[
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding:\tchunked\r\n",
    b" Transfer-Encoding: chunked\r\n",
    b"X: y\r\n Transfer-Encoding: chunked\r\n",
    b"X: y\n\rTransfer-Encoding: chunked\r\n",
    b"X: y\nTransfer-Encoding: chunked\r\n",
    b"X: y\rTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding\r\n : chunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: chunked\x00\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding: identity, chunked, identity\r\n",
    b"Transfer-encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    b"TrAnSfEr-EnCoDiNg: ChUnKeD\r\n",
    b"Transfer-Encoding: chunked, cow\r\n",
    b"Content-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: \"chunked\"\r\n",
    b"Transfer-Encoding: chun\tked\r\n",
    b"\x00Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding\x00: chunked\r\n",
    b"Foo: bar\r\n\tTransfer-Encoding: chunked\r\n",
];

pub(super) fn cases() -> Vec<Case> {
    let mut table = Table::new("classic");
    for disguise in DISGUISES {
        let name = |kind| format!("{kind} {}", disguise.escape_ascii());
        // Who goes by the length takes all of it for a body, who goes by the chunks sees a second request.
        let body = [b"0\r\n\r\n", smuggled()].concat();
        table.add(Wanted::Refused, name("CL.TE"), post(&[&length(body.len()), *disguise].concat(), &body));
        table.add(
            Wanted::Refused,
            name("CL.TE, length last,"),
            post(&[*disguise, &length(body.len())].concat(), &body),
        );
        // The other way round: the length ends with the first chunk's size.
        let size = format!("{:x}\r\n", smuggled().len());
        let body = [size.as_bytes(), smuggled(), b"\r\n0\r\n\r\n"].concat();
        table.add(Wanted::Refused, name("TE.CL"), post(&[&length(size.len()), *disguise].concat(), &body));
        table.add(Wanted::Refused, name("TE.0"), post(&[*disguise, &length(0)].concat(), &body));
    }
    pairs(&mut table);
    pipelined(&mut table);
    table.cases
}

/// Two headers of the same name, of which each party believes another.
fn pairs(table: &mut Table) {
    let body = [b"0\r\n\r\n", smuggled()].concat();
    let (all, none) = (length(body.len()), length(0));
    table.add(Wanted::Refused, "CL.CL", post(&[all.as_slice(), &none].concat(), &body));
    table.add(Wanted::Refused, "CL.CL, the other way round", post(&[none.as_slice(), &all].concat(), &body));
    let list = format!("Content-Length: {}, 0\r\n", body.len());
    table.add(Wanted::Refused, "CL.CL as a list", post(list.as_bytes(), &body));
    for (first, second) in [("chunked", "identity"), ("identity", "chunked"), ("chunked", "xchunked"), ("x", "chunked")]
    {
        let headers = format!("Transfer-Encoding: {first}\r\nTransfer-Encoding: {second}\r\n");
        table.add(Wanted::Refused, format_args!("TE.TE {first}, {second}"), post(headers.as_bytes(), &body));
    }
    for header in
        ["Content-Length : 0", "Content-Length: +0", "Content-Length: 0x0", "Content-Length: -0", "Content-Length: 0 0"]
    {
        let headers = [header.as_bytes(), b"\r\n", &all].concat();
        table.add(Wanted::Refused, format_args!("CL.CL {header}"), post(&headers, &body));
    }
}

/// Requests that end where they say, before another or with one as their body.
fn pipelined(table: &mut Table) {
    let line = |method: &str, version: &str| format!("{method} /case-#### HTTP/{version}").into_bytes();
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PUT", "POST", "BREW"] {
        let body = request(&line(method, "1.1"), &length(smuggled().len()), smuggled());
        table.add(Wanted::Either, format_args!("{method} with a request as its body"), body);
        let next = request(&line(method, "1.1"), b"", smuggled());
        table.add(Wanted::Either, format_args!("{method} without a body, then a request"), next);
        let none = request(&line(method, "1.1"), &length(0), smuggled());
        table.add(Wanted::Either, format_args!("{method} of length 0, then a request"), none);
        let chunked = [b"0\r\n\r\n", smuggled()].concat();
        let chunked = request(&line(method, "1.1"), b"Transfer-Encoding: chunked\r\n", &chunked);
        table.add(Wanted::Either, format_args!("{method} of no chunks, then a request"), chunked);
        let old = request(&line(method, "1.0"), b"Connection: keep-alive\r\n", smuggled());
        table.add(Wanted::Either, format_args!("{method} of HTTP/1.0, then a request"), old);
    }
    let two = [post(&length(5), b"hello"), smuggled().to_vec(), b"GET /x HTTP/1.1\nHost: a.example\r\n\r\n".to_vec()];
    table.add(Wanted::Either, "two requests, then one with a bare LF", two.concat());
    table.add(
        Wanted::Either,
        "empty lines between requests",
        [post(&length(5), b"hello"), b"\r\n\r\n".to_vec()].concat(),
    );
    table.add(Wanted::Either, "a bare LF between requests", [post(&length(5), b"hello"), b"\n".to_vec()].concat());
    table.add(Wanted::Either, "a line more than the length", post(&length(5), b"hello12345\r\n"));
    table.add(Wanted::Either, "a space more than the length", post(&length(5), b"hello "));
    table.add(Wanted::Either, "CRLF more than the length", post(&length(5), b"hello\r\n"));
    table.add(Wanted::Either, "a body where there is no length", post(b"", b"hello\r\n"));
    table.add(Wanted::Either, "chunks where there is no coding", post(b"", b"5\r\nhello\r\n0\r\n\r\n"));
    table.add(Wanted::Either, "five times the same", post(&length(5), b"hello").repeat(5));
}

fn length(length: usize) -> Vec<u8> {
    format!("Content-Length: {length}\r\n").into_bytes()
}
