# One image for each program, from one build: `docker build --target ingress-svc .`, and so on for deployer-svc, paas and
# cluster-standin (for the evaluation only).
#
# The final images hold the program, the few libraries that it is linked with, certificates of the public authorities and
# a list of what it was made of (CycloneDX): no shell, no package manager, no user but one without rights.

# `./dev pin-images` adds the digest, where a registry can be reached.
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${RUST_IMAGE} AS tools
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ARG CYCLONEDX_VERSION=0.5.9
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo install --locked --version ${CYCLONEDX_VERSION} cargo-cyclonedx

FROM tools AS build
WORKDIR /src
COPY . .
# Registry and target folder are kept between builds: only what has changed is compiled again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked \
        --package ingress-svc --package deployer-svc --package paas-cli --package cluster-standin \
    && cargo cyclonedx --format json \
    && deploy/image-contents ingress-svc ingress-svc/ingress-svc.cdx.json /image/ingress-svc \
    && deploy/image-contents deployer-svc deployer-svc/deployer-svc.cdx.json /image/deployer-svc \
    && deploy/image-contents paas cli/paas-cli.cdx.json /image/paas \
    && deploy/image-contents cluster-standin tests/standin/cluster-standin.cdx.json /image/cluster-standin

# What all images share: a user without rights, and labels.
FROM scratch AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
LABEL org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION} \
      org.opencontainers.image.licenses=Apache-2.0 \
      dev.paas.sbom=/sbom.cdx.json
USER 65532:65532

FROM runtime AS ingress-svc
LABEL org.opencontainers.image.title=ingress-svc \
      org.opencontainers.image.description="Receives webhooks, verifies them and publishes pushes to JetStream"
COPY --from=build /image/ingress-svc /
ENV LISTEN_ADDRESS=0.0.0.0:8080 LOG_FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/ingress-svc", "health"]
ENTRYPOINT ["/ingress-svc"]
CMD ["serve"]

FROM runtime AS deployer-svc
LABEL org.opencontainers.image.title=deployer-svc \
      org.opencontainers.image.description="Decides deploys, drives Tekton and Kubernetes, and records every step"
COPY --from=build /image/deployer-svc /
ENV GRPC_ADDRESS=0.0.0.0:9090 LOG_FORMAT=json
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["/deployer-svc", "health"]
ENTRYPOINT ["/deployer-svc"]
CMD ["serve"]

FROM runtime AS paas
LABEL org.opencontainers.image.title=paas \
      org.opencontainers.image.description="Deploys, replay and dead letters from the command line"
COPY --from=build /image/paas /
ENTRYPOINT ["/paas"]

# Plays the Kubernetes and Tekton API. It runs no containers: for an evaluation, never for apps.
FROM runtime AS cluster-standin
LABEL org.opencontainers.image.title=cluster-standin \
      org.opencontainers.image.description="A stand-in for the Kubernetes and Tekton API; it runs no containers"
COPY --from=build /image/cluster-standin /
COPY --from=build --chown=65532:65532 /image/empty /cluster
EXPOSE 6443
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/cluster-standin", "--listen", "0.0.0.0:6443", "--check"]
ENTRYPOINT ["/cluster-standin"]
CMD ["--listen", "0.0.0.0:6443", "--kubeconfig", "/cluster/kubeconfig", "--audit", "/cluster/audit.jsonl"]
