# busybox of each platform, and the name of the machine that its build ran on.
FROM scratch
ARG TARGETARCH
COPY --chmod=755 libs/box/busybox-${TARGETARCH} /bin/busybox
SHELL ["/bin/busybox", "sh", "-c"]
RUN /bin/busybox --install /bin && mkdir /site && uname -m > /site/machine
USER 10001:10001
