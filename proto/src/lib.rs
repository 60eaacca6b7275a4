//! What crosses a process boundary, on both ends of the wire: the generated messages and services, and the rules for
//! stream names, subjects, ids and tokens that ingress and deployer share. Nothing here does I/O.

pub mod broker;
pub mod callback;
pub mod ids;
pub mod streams;

/// The compiled descriptor of every `.proto` file: for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/paas.bin"));

/// What travels over JetStream.
pub mod events {
    #[expect(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        reason = "generated"
    )]
    mod generated {
        tonic::include_proto!("paas.events.v1");
    }
    pub use generated::*;

    /// At most this many changed paths travel with a push.
    pub const MAX_CHANGED_PATHS: usize = 500;

    impl Provider {
        /// The provider's name in paths, subjects, labels and the database.
        #[must_use]
        pub fn name(self) -> &'static str {
            match self {
                Self::Unspecified => "unspecified",
                Self::Github => "github",
                Self::Gitlab => "gitlab",
                Self::Forgejo => "forgejo",
            }
        }

        /// The inverse of [`Provider::name`].
        #[must_use]
        pub fn from_name(name: &str) -> Option<Self> {
            [Self::Github, Self::Gitlab, Self::Forgejo]
                .into_iter()
                .find(|provider| provider.name() == name)
        }
    }
}

/// The deployer's service.
pub mod deploys {
    #[expect(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        reason = "generated"
    )]
    mod generated {
        tonic::include_proto!("paas.deploys.v1");
    }
    pub use generated::*;

    impl DeployState {
        /// The state's name in the REST API and the database.
        #[must_use]
        pub fn name(self) -> &'static str {
            match self {
                Self::Unspecified => "unspecified",
                Self::Requested => "requested",
                Self::Building => "building",
                Self::Built => "built",
                Self::RollingOut => "rolling_out",
                Self::RollingBack => "rolling_back",
                Self::Live => "live",
                Self::Failed => "failed",
                Self::Superseded => "superseded",
                Self::Cancelled => "cancelled",
                Self::Duplicate => "duplicate",
            }
        }

        /// The inverse of [`DeployState::name`].
        #[must_use]
        pub fn from_name(name: &str) -> Option<Self> {
            (1..).map_while(|number| Self::try_from(number).ok()).find(|state| state.name() == name)
        }

        /// Whether a deploy in this state will never change again.
        #[must_use]
        pub fn has_ended(self) -> bool {
            matches!(
                self,
                Self::Live | Self::Failed | Self::Superseded | Self::Cancelled | Self::Duplicate
            )
        }
    }

    impl LogSource {
        /// The source's name in the REST API.
        #[must_use]
        pub fn name(self) -> &'static str {
            match self {
                Self::Unspecified => "unspecified",
                Self::Deploy => "deploy",
                Self::Build => "build",
                Self::App => "app",
            }
        }

        /// The inverse of [`LogSource::name`].
        #[must_use]
        pub fn from_name(name: &str) -> Option<Self> {
            [Self::Deploy, Self::Build, Self::App].into_iter().find(|source| source.name() == name)
        }
    }

    impl ReplayOutcome {
        /// The outcome's name in the REST API.
        #[must_use]
        pub fn name(self) -> &'static str {
            match self {
                Self::Unspecified => "unspecified",
                Self::AlreadyRecorded => "already_recorded",
                Self::WouldTakeIn => "would_take_in",
                Self::TakenIn => "taken_in",
                Self::DeadLetter => "dead_letter",
            }
        }
    }

    impl DeadLetterState {
        /// The state's name in the REST API and the database.
        #[must_use]
        pub fn name(self) -> &'static str {
            match self {
                Self::Unspecified => "unspecified",
                Self::Waiting => "waiting",
                Self::Retried => "retried",
                Self::Discarded => "discarded",
            }
        }

        /// The inverse of [`DeadLetterState::name`].
        #[must_use]
        pub fn from_name(name: &str) -> Option<Self> {
            [Self::Waiting, Self::Retried, Self::Discarded]
                .into_iter()
                .find(|state| state.name() == name)
        }
    }
}

/// The port of the deployer to a cluster.
pub mod cluster {
    #[expect(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        clippy::restriction,
        reason = "generated"
    )]
    mod generated {
        tonic::include_proto!("paas.cluster.v1");
    }
    pub use generated::*;
}

#[cfg(test)]
mod tests {
    use super::{
        deploys::{DeadLetterState, DeployState},
        events::Provider,
    };

    #[test]
    fn names_lead_back_to_what_they_name() {
        let states = (1..).map_while(|number| DeployState::try_from(number).ok());
        for state in states {
            assert_eq!(DeployState::from_name(state.name()), Some(state));
        }
        for number in 1..=3 {
            let state = DeadLetterState::try_from(number).unwrap();
            assert_eq!(DeadLetterState::from_name(state.name()), Some(state));
        }
        assert_eq!(Provider::from_name("gitlab"), Some(Provider::Gitlab));
        assert_eq!(Provider::from_name("unspecified"), None);
    }
}
