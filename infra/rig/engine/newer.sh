#!/bin/sh
# The engine of Debian 12 and 13 is too old: apt takes it, and it alone, from a newer suite of the same mirror.
# The same choice as libs/slipway/setup/debian.py makes for this machine.
set -eu
# shellcheck source=/dev/null
. /etc/os-release
case $VERSION_ID in 12 | 13) ;; *) exit 0 ;; esac

new=/etc/apt/sources.list.d/newer
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    awk -v RS= -v ORS='\n\n' '/Types: deb/ && !/security/ { sub(/Suites:[^\n]*/, "Suites: forky"); print }' "$file" >> "$new.sources"
    sed -n 's/^\(deb .*\) '"$VERSION_CODENAME"' main.*/\1 forky main/p' "$file" >> "$new.list"
done
cat > /etc/apt/preferences.d/newer <<'END'
Package: *
Pin: release n=forky
Pin-Priority: -10

Package: docker.io docker-cli docker-buildx tini-static
Pin: release n=forky
Pin-Priority: 900
END
