# The operator's image: two programs, the certificates of public authorities, and nothing else; no shell, not root.

# A release passes both bases by digest (`.github/workflows/release.yaml`, "Bases by digest"): it resolves these tags once, so that the images
# of all architectures are made from the same bases. To pin them in a build of your own:
#   docker buildx imagetools inspect TAG --format '{{.Manifest.Digest}}'
#   docker build --build-arg BUILD_BASE=NAME@DIGEST --build-arg RUN_BASE=NAME@DIGEST .
ARG BUILD_BASE=docker.io/library/rust:1.95.0-slim-bookworm
ARG RUN_BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_BASE} AS build
# SQLite, ring and jemalloc are compiled from C; what profile/build reads is packed with xz.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev make xz-utils \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# Kernels for ARM have pages of 4 to 64 KiB; jemalloc serves those up to the size that it is built for.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    if [ "$(uname -m)" = aarch64 ]; then export JEMALLOC_SYS_WITH_LG_PAGE=16; fi \
    && programs="$(profile/build --bins)" \
    && install -D --target-directory=/programs "$programs/bpo-operator" "$programs/kubectl-bpo"

# Of the same Debian as the build: the programs link to its C library.
FROM ${RUN_BASE}
COPY --from=build /programs/ /usr/local/bin/
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# SQLite allocates from the C library, which keeps memory apart for groups of threads: two groups are enough.
ENV MALLOC_ARENA_MAX=2
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/bpo-operator"]
CMD ["run"]
