# syntax=docker/dockerfile:1
# One static binary and a CA bundle, nothing else: no shell, no libc, no user but 65532.
#
# The binary is built on the target's own architecture (linux/amd64, linux/arm64): `docker buildx build --platform …` runs this
# stage natively or emulated; nothing is cross-compiled.

FROM rust:1.95-slim-bookworm AS build
ARG TARGETARCH=amd64
WORKDIR /build
ENV CARGO_TERM_COLOR=never

# Dependencies first: this layer changes only with the lock file.
COPY Cargo.toml Cargo.lock ./
COPY release ./release
# The allocator is configured by make.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
RUN rustup component add llvm-tools \
 && target="$(case "$TARGETARCH" in amd64) echo x86_64 ;; arm64) echo aarch64 ;; *) exit 1 ;; esac)-unknown-linux-gnu" \
 && echo "$target" > target-triple \
 && mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && echo '//! Nothing yet.' > src/lib.rs \
 && release/build "$target" --ahead \
 && rm -r src

# Twice: the first binary counts where requests pass, the second is built by these counts.
COPY src ./src
COPY benches ./benches
COPY schemes ./schemes
COPY config.example.yaml README.md ./
COPY docs/config.schema.json ./docs/
RUN touch src/main.rs src/lib.rs \
 && release/build "$(cat target-triple)" /named \
 && strip --strip-all -o /countersign /named \
 && /countersign --version \
 && mkdir /spool

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="countersign" \
      org.opencontainers.image.description="An HMAC gateway: only signed requests get in, everything that leaves is signed" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /countersign /countersign
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Where held bodies above `memory` are spooled; mount a tmpfs or volume here when the root is read-only.
COPY --from=build --chown=65532:65532 /spool /tmp
USER 65532:65532
EXPOSE 8443 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/countersign", "healthcheck"]
ENTRYPOINT ["/countersign"]
CMD ["run", "--config", "/etc/countersign/config.yaml"]
