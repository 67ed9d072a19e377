# docker build -t callbox .
#
# The image holds one static binary and nothing else. A binary that was built
# elsewhere goes in with --build-arg BINARY=prebuilt, from dist/callbox, next to
# an empty folder dist/data.
ARG BINARY=build

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o dist/callbox ./cmd/callbox
RUN mkdir -p dist && mkdir -m 0700 dist/data

FROM scratch AS prebuilt
COPY dist /src/dist

FROM ${BINARY} AS binary

FROM scratch
COPY --from=binary /src/dist/callbox /callbox
# Secrets and the local authority; owned by whom the server runs as.
COPY --from=binary --chown=65532:65532 /src/dist/data /data
ENV CALLBOX_DATA=/data
VOLUME /data
USER 65532:65532
ENTRYPOINT ["/callbox"]
CMD ["serve"]
