# The image of contour: one static binary, no shell, nothing else, and a user that is not root.
#
#   docker build --tag contour --build-arg VERSION="$(git describe --tags --always --dirty)" --build-arg COMMIT="$(git rev-parse HEAD)" .

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src
# The modules are a layer of their own, which lasts until go.mod changes.
COPY go.mod go.sum ./
RUN go mod download
COPY Makefile ./
COPY cmd ./cmd
COPY internal ./internal
ARG VERSION=development
ARG COMMIT=unknown
ARG TARGETOS
ARG TARGETARCH
RUN make static GOOS="$TARGETOS" GOARCH="$TARGETARCH" VERSION="$VERSION" COMMIT="$COMMIT"

FROM scratch
ARG VERSION=development
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="contour" \
      org.opencontainers.image.description="An xDS management server that feeds Envoy over mutual TLS" \
      org.opencontainers.image.source="https://github.com/contour-xds/contour" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /src/bin/contour /contour
# A number, since there is no /etc/passwd, and since runAsNonRoot of Kubernetes trusts no name.
USER 65532:65532
ENTRYPOINT ["/contour"]
