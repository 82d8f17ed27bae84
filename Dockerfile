# Image of cryptojack_exporter: one static binary, its licence and its user, made from scratch.
#
#   docker build -t cryptojack_exporter .
#   docker run -d --name cryptojack_exporter --pid=host --net=host --read-only \
#     --cap-drop=ALL --cap-add=SYS_PTRACE --cap-add=DAC_READ_SEARCH --cap-add=NET_ADMIN --cap-add=BPF --cap-add=PERFMON \
#     --security-opt=apparmor=unconfined -v /:/host:ro,rslave \
#     cryptojack_exporter --path.procfs=/host/proc --path.rootfs=/host
#
# `make image` makes the same image of amd64 and arm64, without an engine and byte for byte the same each time.
# docs/install.md says what each of these options is for.
#
# The base image is an argument, so that it builds from a mirror, or without a
# network from a builder image that holds the Go modules (e2e/image-check).
# File capabilities are copied by BuildKit and buildah, HEALTHCHECK is kept in Docker's format (buildah: --format=docker).
ARG BUILDER_IMAGE=docker.io/library/golang:1.26-bookworm

FROM ${BUILDER_IMAGE} AS builder
WORKDIR /source
COPY . .
ARG REVISION=unknown
ARG BRANCH=unknown
ARG BUILD_DATE=unknown
ARG BUILD_USER=image
RUN read -r version < VERSION \
 && package=github.com/prometheus/common/version \
 && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /cryptojack_exporter -ldflags "-s -w \
      -X $package.Version=$version -X $package.Revision=$REVISION -X $package.Branch=$BRANCH \
      -X $package.BuildUser=$BUILD_USER -X $package.BuildDate=$BUILD_DATE" \
      ./cmd/cryptojack_exporter \
 && CGO_ENABLED=0 go run ./deploy/image -root /image -license LICENSE /cryptojack_exporter

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cryptojack_exporter" \
      org.opencontainers.image.description="Prometheus exporter that finds cryptojacking on Linux hosts" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/cryptojack-exporter/cryptojack_exporter" \
      org.opencontainers.image.url="https://github.com/cryptojack-exporter/cryptojack_exporter" \
      org.opencontainers.image.documentation="https://github.com/cryptojack-exporter/cryptojack_exporter/blob/main/docs/install.md" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /image/ /
# For webhooks of https: the host's certificates, since an image's own would grow old.
ENV PATH=/bin \
    SSL_CERT_DIR=/host/etc/ssl/certs:/host/etc/ca-certificates/extracted:/host/etc/pki/ca-trust/extracted/pem:/host/var/lib/ca-certificates
# Not root: of what the container is given, the file's capabilities come into force for anybody. Where these are
# off (no-new-privileges, allowPrivilegeEscalation: false) it has to be root: --user=0 --cap-add=SETUID --cap-add=SETGID
# --cap-add=SETPCAP besides the five above, and it becomes a user of its own at its start.
USER 60578:60578
WORKDIR /
EXPOSE 10042
# Of a server at another port or address: --no-healthcheck, or another test that has its --web.listen-address.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["/bin/cryptojack_exporter", "healthcheck"]
ENTRYPOINT ["/bin/cryptojack_exporter"]
