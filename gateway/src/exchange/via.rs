//! Requests that come back to us by a name of somebody else's choice.
//!
//! An ExternalName may lead to the gateway by ways nobody can tell from its address: a load balancer, another Service.
//! Who goes there is marked (RFC 9110 §7.6.3), and found out by its marks. Other upstreams see no `Via`: their
//! addresses are written by who may do worse.

use http::header::VIA;
use http::{HeaderMap, HeaderValue};

/// What we call ourselves in `Via`.
const MARK: &str = "1.1 net-pingora";

/// Marks before a request counts as going in circles.
const MOST: usize = 4;

/// Marks a request as having come by us.
pub(super) fn mark(headers: &mut HeaderMap) {
    headers.append(VIA, HeaderValue::from_static(MARK));
}

/// Whether a request has come by us too often.
pub(super) fn goes_in_circles(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(VIA).iter().filter_map(|line| line.to_str().ok());
    // Proxies between may join lines with commas.
    lines.flat_map(|line| line.split(',')).filter(|one| one.trim() == MARK).count() >= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_comes_again_and_again_is_found_out() {
        let of = |line: String| HeaderMap::from_iter([(VIA, line.parse().unwrap())]);
        let mut headers = of("1.1 other".to_owned());
        for _ in 0..MOST {
            assert!(!goes_in_circles(&headers));
            mark(&mut headers);
        }
        assert!(goes_in_circles(&headers));
        assert!(goes_in_circles(&of([MARK; MOST].join(", "))));
    }
}
