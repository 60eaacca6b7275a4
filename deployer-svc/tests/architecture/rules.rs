//! The table of the rules: one row says what may not be named where, and why.

use crate::rule::{Forbid, Rule};

/// More than this nobody reads in one go.
pub(crate) const LONGEST_FILE: usize = 500;

/// Names under which anything could be put, and then is.
pub(crate) const FILE_NAMES_WITHOUT_MEANING: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "util", "utils"];

/// All that the rules of a line may stand on.
pub(crate) const DOMAIN_DEPENDENCIES: &[&str] = &["serde", "serde_json", "thiserror", "uuid"];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        within: &["deployer-svc/src/"],
        except: &[
            "deployer-svc/src/schema.rs",
            "deployer-svc/src/store.rs",
            "deployer-svc/src/store/",
        ],
        forbid: Forbid::Words(&["tokio_postgres", "deadpool_postgres", "refinery"]),
        because: "Postgres is spoken to in the deployer's store, and in schema.rs to migrate it",
    },
    Rule {
        within: &["ingress-svc/src/"],
        except: &["ingress-svc/src/store.rs", "ingress-svc/src/store/"],
        forbid: Forbid::Words(&["tokio_postgres", "deadpool_postgres"]),
        because: "Postgres is spoken to in the ingress's store only",
    },
    Rule {
        within: &["deployer-svc/", "ingress-svc/src/", "proto/src/", "telemetry/src/"],
        except: &[
            "deployer-svc/src/schema.rs",
            "deployer-svc/src/store.rs",
            "deployer-svc/src/store/",
            "ingress-svc/src/store.rs",
            "ingress-svc/src/store/",
            "deployer-svc/tests/",
        ],
        forbid: Forbid::Sql,
        because: "SQL is written in the store files only",
    },
    Rule {
        within: &["deployer-svc/src/intake.rs", "deployer-svc/src/intake/"],
        except: &[],
        forbid: Forbid::Names { of: &["crate", "super"], names: &["runner", "repair", "grpc"] },
        because: "intake knows none of runner, repair and grpc: they meet in the store",
    },
    Rule {
        within: &["deployer-svc/src/repair.rs", "deployer-svc/src/repair/"],
        except: &[],
        forbid: Forbid::Names { of: &["crate", "super"], names: &["intake", "runner", "grpc"] },
        because: "repair does what the intake does by the store, and knows nobody who asks for it",
    },
    Rule {
        within: &["deployer-svc/src/inbound.rs", "deployer-svc/src/inbound/"],
        except: &[],
        forbid: Forbid::Names {
            of: &["crate", "super"],
            names: &["intake", "runner", "repair", "grpc"],
        },
        because: "what a message asks for does not depend on who reads it",
    },
    Rule {
        within: &["deployer-svc/src/runner.rs", "deployer-svc/src/runner/"],
        except: &[],
        forbid: Forbid::Names { of: &["crate", "super"], names: &["intake", "repair", "grpc"] },
        because: "the runner knows none of intake, repair and grpc: they meet in the store",
    },
    Rule {
        within: &["deployer-svc/src/logs.rs", "deployer-svc/src/logs/"],
        except: &[],
        forbid: Forbid::Names {
            of: &["crate", "super"],
            names: &["intake", "runner", "repair", "grpc"],
        },
        because: "logs are read beside the deploys, by the store and the port, and know nobody who asks for them",
    },
    Rule {
        within: &["deployer-svc/src/grpc.rs", "deployer-svc/src/grpc/"],
        except: &[],
        forbid: Forbid::Names { of: &["crate", "super"], names: &["intake", "runner"] },
        because: "grpc knows neither intake nor runner: they meet in the store",
    },
    Rule {
        within: &["deployer-svc/src/store.rs", "deployer-svc/src/store/"],
        except: &[],
        forbid: Forbid::Names {
            of: &["crate", "super"],
            names: &["inbound", "intake", "logs", "runner", "repair", "grpc"],
        },
        because: "the store knows the rules of the line, not who asks for them",
    },
    Rule {
        within: &["deployer-svc/src/", "ingress-svc/src/"],
        except: &[],
        forbid: Forbid::Words(&["kube", "k8s_openapi"]),
        because: "Kubernetes is spoken to by the cluster agent only",
    },
    Rule {
        within: &["deployer-svc/src/"],
        except: &[
            "deployer-svc/src/grpc.rs",
            "deployer-svc/src/grpc/",
            "deployer-svc/src/cluster_port.rs",
            "deployer-svc/src/cluster_port/",
        ],
        forbid: Forbid::Names { of: &["tonic"], names: &["Status", "Code"] },
        because: "a gRPC status is made in grpc and read in the port to the cluster, nowhere between",
    },
    Rule {
        within: &["ingress-svc/src/"],
        except: &["ingress-svc/src/error.rs"],
        forbid: Forbid::Words(&["StatusCode"]),
        because: "what the ingress answers with which status is one table, in error.rs",
    },
    Rule {
        within: &["ingress-svc/src/"],
        except: &["ingress-svc/src/error.rs"],
        forbid: Forbid::Variants("HttpResponse"),
        because: "what the ingress answers with which status is one table, in error.rs",
    },
    Rule {
        within: &["deployer-svc/domain/src/"],
        except: &[],
        forbid: Forbid::Names {
            of: &["std"],
            names: &["env", "fs", "io", "net", "process", "sync", "thread", "time"],
        },
        because: "the rules of the line know no clock and touch nothing: they run again on every replay",
    },
    Rule {
        within: &["deployer-svc/domain/src/"],
        except: &[],
        forbid: Forbid::Words(&["async", "await", "jiff", "rand", "tokio", "tracing"]),
        because: "the rules of the line know no chance and wait for nothing: they run again on every replay",
    },
];
