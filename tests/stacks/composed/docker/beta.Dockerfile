FROM alpine:3.20
ARG CHANNEL=none
ARG MIRROR
COPY web /web
RUN echo "$CHANNEL from $MIRROR" > /web/channel
