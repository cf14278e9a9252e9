#!/bin/sh
# Remove a project's contexts, its runs, and the files of systems that nothing uses. While a job runs, keep its run and
# all contexts. Print three numbers: the runs removed, the runs kept, and the kilobytes freed. With "look", remove
# nothing, and print the kilobytes in use. With an age, remove only the runs and contexts of that age; "look" then
# prints the kilobytes of those runs.
# Arguments: the project's folder, "look" or an empty word, the age in minutes (0: any).
cd -- "$1" 2>/dev/null || { echo "0 0 0"; exit 0; }
is_old() { [ "$age" = 0 ] || [ -n "$(find "$1" -maxdepth 0 -mmin "+$age")" ]; }
kilobytes() { du -sk -- "$1" 2>/dev/null | cut -f 1; }
age=$3
before=$(kilobytes .)
went=0
stay=0
old=0
for run in runs/*; do
    [ -d "$run" ] || continue
    if one_lives "$run"; then
        stay=$((stay + 1))
    elif is_old "$run"; then
        went=$((went + 1))
        old=$((old + $(kilobytes "$run")))
        [ "$2" = look ] || rm -rf -- "$run"
    fi
done
if [ "$2" = look ]; then
    [ "$age" = 0 ] || before=$old
    echo "$went $stay $before"
    exit 0
fi
if [ "$age" != 0 ]; then
    [ "$stay" -gt 0 ] || find contexts -mindepth 1 -maxdepth 1 -mmin "+$age" -exec rm -rf -- {} + 2>/dev/null
elif [ "$stay" = 0 ]; then
    rm -rf -- contexts runs
fi
sweep_systems
rmdir -- "$1" 2>/dev/null
after=$(kilobytes "$1")
echo "$went $stay $((before - ${after:-0}))"
