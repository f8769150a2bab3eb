# The operator's image: two programs, the certificates of public authorities, and nothing else; no shell, not root.

FROM rust:1.95-slim-bookworm AS build
# SQLite and ring are compiled from C.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bins \
    && install -D --target-directory=/programs target/release/bpo-operator target/release/kubectl-bpo

# Of the same Debian as the build: the programs link to its C library.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /programs/ /usr/local/bin/
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/bpo-operator"]
CMD ["run"]
