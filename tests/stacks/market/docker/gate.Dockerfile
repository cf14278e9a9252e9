FROM ground AS closed
COPY --from=signs welcome.txt /welcome.txt

FROM closed AS open
ARG EDITION
ARG PRICE
LABEL edition=$EDITION price=$PRICE
COPY docker/gate.txt /gate.txt

FROM scratch AS tickets
COPY docker/gate.txt /ticket.txt
