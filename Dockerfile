# Image of cryptojack_exporter: one static binary and its licence.
#
#   docker build -t cryptojack_exporter .
#   docker run -d --name cryptojack_exporter --pid=host --net=host --read-only \
#     --cap-drop=ALL --cap-add=SYS_PTRACE --cap-add=DAC_READ_SEARCH --cap-add=NET_ADMIN \
#     --cap-add=BPF --cap-add=PERFMON --cap-add=SETUID --cap-add=SETGID --cap-add=SETPCAP \
#     --security-opt=apparmor=unconfined -v /:/host:ro,rslave \
#     cryptojack_exporter --path.procfs=/host/proc --path.rootfs=/host
#
# The base images are arguments, so that it builds from a mirror, or without a
# network from a builder image that holds the Go modules (e2e/image-check).
ARG BUILDER_IMAGE=docker.io/library/golang:1.26-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/static-debian12

FROM ${BUILDER_IMAGE} AS builder
WORKDIR /source
COPY . .
ARG REVISION=unknown
ARG BRANCH=unknown
ARG BUILD_DATE=unknown
RUN read -r version < VERSION \
 && package=github.com/prometheus/common/version \
 && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /cryptojack_exporter -ldflags "-s -w \
      -X $package.Version=$version -X $package.Revision=$REVISION -X $package.Branch=$BRANCH \
      -X $package.BuildUser=image -X $package.BuildDate=$BUILD_DATE" \
      ./cmd/cryptojack_exporter

FROM ${RUNTIME_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cryptojack_exporter" \
      org.opencontainers.image.description="Prometheus exporter that finds cryptojacking on Linux hosts" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=builder /cryptojack_exporter /bin/cryptojack_exporter
COPY LICENSE /LICENSE
# Root: /proc/PID/exe and /proc/PID/fd of other users' processes are closed to anybody
# without the added capabilities, which a container runtime gives to root only. At its
# start it becomes a user of its own with three of them, for which it needs SETUID, SETGID and
# SETPCAP; without these it stays root with the three, which may still write root's
# files, and says so. As another user from the start (--user=65534) it runs and
# cryptojack_visibility_ratio tells what it cannot see.
USER 0:0
EXPOSE 10042
ENTRYPOINT ["/bin/cryptojack_exporter"]
