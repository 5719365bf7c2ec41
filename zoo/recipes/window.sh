#!/bin/sh
# One recipe on a borrowed machine, over as many windows as it takes.
#
#     sh zoo/recipes/window.sh NAME SCHEDULE MINUTES [HOME]
#
# Trains zoo/recipes/NAME.toml for MINUTES of a run that is SCHEDULE minutes long. Training pictures that were carried
# here as parcels/*.tar are unpacked into data/ first. What must be carried home is laid into HOME (home/NAME): weights,
# log, and the state to go on from in pieces of at most 15 MiB. Where HOME is carried back with those pieces, the run
# goes on from them. DEVICE chooses the device, PYTHON the interpreter.
set -eu
name=$1 schedule=$2 minutes=$3 home=${4:-home/$1}
run=runs/$name python=${PYTHON:-python3}
export CAESR_DATA="${CAESR_DATA:-data}"

for parcel in parcels/*.tar; do
    [ -e "$parcel" ] || continue
    "$python" -m caesr.training.parcels unpack "$parcel" --to "$CAESR_DATA"
    rm "$parcel" # it is not unpacked twice, and the next one finds room
done

mkdir -p "$run" "$home"
if [ ! -e "$run/resume.safetensors" ] && [ -e "$home/resume.aa" ]; then
    cat "$home"/resume.?? >"$run/resume.safetensors"
    cp "$home/log.csv" "$run/"
fi
resume=
[ ! -e "$run/resume.safetensors" ] || resume=--resume
# shellcheck disable=SC2086 # no word where there is nothing to resume
"$python" -m caesr train "zoo/recipes/$name.toml" --out "$run" --device "${DEVICE:-auto}" \
    --minutes "$schedule" --pause-after "$minutes" $resume

cp "$run/config.json" "$run/model.safetensors" "$run/log.csv" "$home/"
rm -f "$home"/resume.??
split -b 15M "$run/resume.safetensors" "$home/resume."
ls -l "$home"
