//! The rules of the decision, as tables of cases (knative.dev/networking; what Kourier does where that is silent).

mod common;

use common::{Answer, ask, decide, path, table};
use net_pingora_routing::{ACME_CHALLENGE, CATCH_ALL, Listener, Miss};

use Listener::{External, Internal};

#[test]
fn a_host_is_found_whatever_its_case_port_and_trailing_dot() {
    let table = table([("hello.example", vec![path("hello")]), ("svc.ns", vec![path("local")])]);
    for (host, wanted) in [
        ("hello.example", "hello"),
        ("HELLO.Example", "hello"),
        ("hello.example:80", "hello"),
        ("hello.example:65535", "hello"),
        ("hello.example.", "hello"),
        ("Hello.example.:8080", "hello"),
        ("svc.ns:80", "local"),
        ("svc.ns.svc", "404 UnknownHost"),
        ("sub.hello.example", "404 UnknownHost"),
        ("example", "404 UnknownHost"),
        ("*.example", "404 UnknownHost"),
        ("*", "404 UnknownHost"),
        ("", "404 UnknownHost"),
        ("bücher.example", "404 UnknownHost"),
    ] {
        assert_eq!(decide(&table, &ask(host), 0).to_string(), wanted, "{host}");
    }
}

#[test]
fn the_catch_all_serves_hosts_that_no_rule_names_and_only_those() {
    let named = ("hello.example", vec![path("named").prefix("/only")]);
    let private = ("private.example", vec![path("private").private()]);
    let table = table([(CATCH_ALL, vec![path("rest")]), named, private]);
    for (host, at, wanted) in [
        ("other.example", "/", "rest"),
        ("10.0.0.1:8080", "/", "rest"),
        ("[::1]:8080", "/", "rest"),
        ("hello.example", "/only", "named"),
        ("hello.example", "/", "404 NoPath"),
        ("private.example", "/", "404 OtherListener"),
    ] {
        assert_eq!(decide(&table, &ask(host).path(at), 0).to_string(), wanted, "{host}{at}");
    }
}

#[test]
fn external_listeners_hide_private_paths_and_internal_ones_serve_all() {
    let table = table([
        ("public.example", vec![path("public")]),
        ("private.example", vec![path("private").private()]),
        ("both.example", vec![path("inside").prefix("/inside").private(), path("outside")]),
    ]);
    for (host, at, listener, wanted) in [
        ("public.example", "/", External, "public"),
        ("public.example", "/", Internal, "public"),
        ("private.example", "/", External, "404 OtherListener"),
        ("private.example", "/", Internal, "private"),
        ("both.example", "/inside", External, "outside"),
        ("both.example", "/inside", Internal, "inside"),
        ("both.example", "/", Internal, "outside"),
        ("unknown.example", "/", Internal, "404 UnknownHost"),
    ] {
        for tls in [false, true] {
            let ask = ask(host).path(at).on(listener).tls(tls);
            assert_eq!(decide(&table, &ask, 0).to_string(), wanted, "{host}{at} {listener:?} {tls}");
        }
    }
}

#[test]
fn the_longest_prefix_goes_first_and_equal_ones_keep_their_order() {
    let rules = vec![
        path("all"),
        path("foo").prefix("/foo"),
        path("foo again").prefix("/foo"),
        path("foo/bar").prefix("/foo/bar"),
        path("all again"),
        path("upper").prefix("/FOO/"),
    ];
    let table = table([("a.example", rules), ("b.example", vec![path("deep").prefix("/deep")])]);
    for (host, at, wanted) in [
        ("a.example", "/", "all"),
        ("a.example", "/fo", "all"),
        ("a.example", "/foo", "foo"),
        ("a.example", "/foobar", "foo"),
        ("a.example", "/foo/ba", "foo"),
        ("a.example", "/foo/bar", "foo/bar"),
        ("a.example", "/foo/barbaz/", "foo/bar"),
        ("a.example", "/Foo", "all"),
        ("a.example", "/FOO/x", "upper"),
        ("a.example", "/%66oo", "all"),
        ("a.example", "//foo", "all"),
        ("a.example", "*", "404 NoPath"),
        ("b.example", "/", "404 NoPath"),
        ("b.example", "/deep", "deep"),
    ] {
        assert_eq!(decide(&table, &ask(host).path(at), 0).to_string(), wanted, "{host}{at}");
    }
}

#[test]
fn a_path_with_headers_serves_only_requests_that_have_all_of_them() {
    type Sent = &'static [(&'static str, &'static str)];
    let table = table([
        ("a.example", vec![path("blue").header("Knative-Serving-Tag", "blue"), path("default")]),
        ("b.example", vec![path("both").header("x-one", "1").header("x-two", "2")]),
    ]);
    let cases: [(&str, Sent, &str); 14] = [
        ("a.example", &[("knative-serving-tag", "blue")], "blue"),
        ("a.example", &[("KNATIVE-SERVING-TAG", "blue")], "blue"),
        ("a.example", &[("knative-serving-tag", "blue"), ("x-other", "1")], "blue"),
        ("a.example", &[("knative-serving-tag", "blue"), ("knative-serving-tag", "blue")], "blue"),
        ("a.example", &[("knative-serving-tag", "blue"), ("knative-serving-tag", "green")], "default"),
        ("a.example", &[], "default"),
        ("a.example", &[("knative-serving-tag", "")], "default"),
        ("a.example", &[("knative-serving-tag", "green")], "default"),
        ("a.example", &[("knative-serving-tag", "Blue")], "default"),
        ("a.example", &[("knative-serving-tag", "blue,green")], "default"),
        ("b.example", &[("x-one", "1"), ("x-two", "2")], "both"),
        ("b.example", &[("x-one", "1")], "404 NoHeaders"),
        ("b.example", &[("x-one", "1"), ("x-two", "1")], "404 NoHeaders"),
        ("b.example", &[], "404 NoHeaders"),
    ];
    for (host, headers, wanted) in cases {
        let ask = headers.iter().fold(ask(host), |ask, (name, value)| ask.header(name, value));
        assert_eq!(decide(&table, &ask, 0).to_string(), wanted, "{host} {headers:?}");
    }
}

#[test]
fn a_miss_names_what_came_nearest() {
    let rules = vec![path("tag").prefix("/tag").header("x-tag", "blue"), path("deep").prefix("/deep")];
    let table = table([("a.example", rules), ("p.example", vec![path("private").prefix("/deep").private()])]);
    for (host, at, wanted) in [
        ("b.example", "/tag", Miss::UnknownHost),
        ("p.example", "/other", Miss::OtherListener),
        ("a.example", "/other", Miss::NoPath),
        ("a.example", "/tag", Miss::NoHeaders),
    ] {
        assert_eq!(decide(&table, &ask(host).path(at), 0), Answer::NotFound(wanted), "{host}{at}");
    }
}

#[test]
fn a_split_without_weight_is_never_drawn_and_the_others_get_their_share() {
    /// Numbers that fall into each percent equally often.
    const EVEN: u32 = 10_000;
    let cases: [&[u8]; 7] = [&[100], &[80, 20, 0], &[0, 100], &[0, 1, 0, 99, 0], &[50, 50], &[34, 33, 33], &[10; 10]];
    for percents in cases {
        let table = table([("a.example", vec![path("a").splits(percents)])]);
        let mut drawn = vec![0_u32; percents.len()];
        let evenly = (0..EVEN).map(|n| u32::try_from((u64::from(n) << 32).div_ceil(u64::from(EVEN))).unwrap());
        for random in evenly {
            let Answer::Forward(_, split) = decide(&table, &ask("a.example"), random) else { panic!("{percents:?}") };
            drawn[split] += 1;
        }
        let wanted: Vec<_> = percents.iter().map(|&percent| u32::from(percent) * EVEN / 100).collect();
        assert_eq!(drawn, wanted, "{percents:?}");
    }
}

#[test]
fn the_first_and_the_last_random_number_draw_a_split_that_has_weight() {
    let table = table([("a.example", vec![path("a").splits(&[0, 30, 70, 0])])]);
    for (random, split) in [(0, 1), (u32::MAX, 2)] {
        assert_eq!(decide(&table, &ask("a.example"), random), Answer::Forward("a".to_owned(), split));
    }
}

#[test]
fn only_plain_http_on_an_external_listener_is_redirected_and_acme_never() {
    let table = table([
        ("on.example", vec![path("on").redirected()]),
        ("off.example", vec![path("off")]),
        ("mixed.example", vec![path("on").redirected(), path("off").prefix("/off")]),
    ]);
    let challenge = format!("{ACME_CHALLENGE}token");
    for (host, at, listener, tls, wanted) in [
        ("on.example", "/", External, false, "301 on"),
        ("on.example:80", "/x", External, false, "301 on"),
        ("on.example", "/", External, true, "on"),
        ("on.example", "/", Internal, false, "on"),
        ("on.example", "/", Internal, true, "on"),
        ("on.example", &challenge, External, false, "on"),
        ("on.example", "/.well-known/other", External, false, "301 on"),
        ("off.example", "/", External, false, "off"),
        ("mixed.example", "/", External, false, "301 on"),
        ("mixed.example", "/off", External, false, "off"),
    ] {
        let ask = ask(host).path(at).on(listener).tls(tls);
        assert_eq!(decide(&table, &ask, 0).to_string(), wanted, "{host}{at} {listener:?} {tls}");
    }
}
