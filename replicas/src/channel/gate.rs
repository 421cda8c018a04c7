//! Who may report: pods of this installation, known by a token that the API server reviews.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::timeout;

/// What a token must be made for, so that one of the API server's own is of no use here, nor ours there.
const AUDIENCE: &str = "net-pingora";
/// Where the API server tells the pod a token is bound to.
const POD: &str = "authentication.kubernetes.io/pod-name";
/// Bound of one review.
const REVIEW: Duration = Duration::from_secs(2);

/// Lets pods of one service account in.
#[derive(Clone)]
pub(crate) struct Gate {
    api: Api<TokenReview>,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    account: String,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the API server did not review the token in time")]
    Timeout,
    #[error("the API server did not review the token: {0}")]
    Api(#[from] kube::Error),
    #[error("the token is not valid: {0}")]
    Invalid(String),
    #[error("the token is not made for the audience {AUDIENCE}")]
    Audience,
    #[error("the token is of {0}, not of {1}")]
    Account(String, String),
    #[error("the token is not bound to the pod, but to {0:?}")]
    Pod(Vec<String>),
}

impl Gate {
    pub(crate) fn new(client: Client, namespace: &str, service_account: &str) -> Self {
        Self { api: Api::all(client), account: format!("system:serviceaccount:{namespace}:{service_account}") }
    }

    /// Whether the token is one of the pod.
    pub(super) async fn admit(&self, pod: &str, token: String) -> Result<(), Refusal> {
        let spec = TokenReviewSpec { audiences: Some(vec![AUDIENCE.to_owned()]), token: Some(token) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let parameters = PostParams::default();
        let answer = timeout(REVIEW, self.api.create(&parameters, &review)).await.map_err(|_| Refusal::Timeout)??;
        self.judge(pod, answer.status.unwrap_or_default())
    }

    fn judge(&self, pod: &str, status: TokenReviewStatus) -> Result<(), Refusal> {
        if status.authenticated != Some(true) {
            return Err(Refusal::Invalid(status.error.unwrap_or_else(|| "no reason given".to_owned())));
        }
        if !status.audiences.is_some_and(|audiences| audiences.iter().any(|audience| audience == AUDIENCE)) {
            return Err(Refusal::Audience);
        }
        let user = status.user.unwrap_or_default();
        let account = user.username.unwrap_or_default();
        if account != self.account {
            return Err(Refusal::Account(account, self.account.clone()));
        }
        let pods = user.extra.and_then(|mut extra| extra.remove(POD)).unwrap_or_default();
        if pods == [pod] { Ok(()) } else { Err(Refusal::Pod(pods)) }
    }
}
