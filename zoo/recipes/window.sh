#!/bin/sh
# Train one recipe on a borrowed machine, over as many windows of time as it takes.
#
#     sh zoo/recipes/window.sh NAME MINUTES COOL_DOWN [MODEL] [HOME]
#
# Trains zoo/recipes/NAME.toml for MINUTES at constant rates, then cools down for COOL_DOWN minutes (0: not at all).
# MODEL, if given and not "", is the checkpoint to continue. Training pictures that came as parcels/*.tar are unpacked
# into data/ first. All that must be carried home is written to HOME (default: home/NAME): the checkpoint, its log, and
# the state to resume from, in pieces of at most 15 MiB. If HOME comes back with these pieces, the run is resumed from
# them. DEVICE chooses the device, PYTHON the interpreter.
set -eu
name=$1 minutes=$2 cool_down=$3 model=${4:-} home=${5:-home/$1}
run=runs/$name python=${PYTHON:-python3}
export CAESR_DATA="${CAESR_DATA:-data}"

mkdir -p "$run" "$home" "$CAESR_DATA"
for parcel in parcels/*.tar; do
    [ -e "$parcel" ] || continue
    tar -xf "$parcel" -C "$CAESR_DATA"
    rm "$parcel" # makes room for the next one
done

if [ ! -e "$run/resume.safetensors" ] && [ -e "$home/resume.aa" ]; then
    cat "$home"/resume.?? >"$run/resume.safetensors"
    cp "$home/log.csv" "$run/"
fi
set -- --minutes "$minutes"
[ "$cool_down" = 0 ] || set -- "$@" --cool-down "$cool_down"
if [ -e "$run/resume.safetensors" ]; then
    set -- "$@" --resume
elif [ -n "$model" ]; then
    set -- "$@" --continue "$model"
fi
"$python" -m caesr.training "zoo/recipes/$name.toml" --out "$run" --device "${DEVICE:-auto}" "$@"

checkpoint=$run
[ "$cool_down" = 0 ] || checkpoint=$run/cooled
cp "$checkpoint/config.json" "$checkpoint/model.safetensors" "$home/"
cat "$run/log.csv" >"$home/log.csv"
[ "$cool_down" = 0 ] || cp "$checkpoint/log.csv" "$home/cool-down.csv"
rm -f "$home"/resume.??
split -b 15M "$run/resume.safetensors" "$home/resume."
ls -l "$home"
