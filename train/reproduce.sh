#!/usr/bin/env bash
# Both adapters from the bare bases in one go: data, teaching, tuning, export, measuring.
#
#   MIRROR=DIR WORK=DIR SCOUT=FILE.gguf CODER=FILE.gguf bash train/reproduce.sh [data|teach|scout|coder|measure ...]
#
# MIRROR holds the repositories that `clone` fetched, or is filled with them. What WORK holds already is not made again, so that a run
# that was ended goes on with the first piece that is missing. `teach`, `scout` and `coder` want a GPU (DEVICE=cpu is for trying this script).
# Of the shipped adapters only the layout and the question heads are taken. SHARE=0.1 takes a tenth of all minutes, MANIFEST other
# repositories, SIZES other packs, HAND=none no questions written by hand, PER_TYPE fewer questions of a type when measuring.
set -euo pipefail
cd "$(dirname "$0")"

: "${MIRROR:?a folder of bare repositories}" "${WORK:?a folder for what is made}" "${SCOUT:?the GGUF file of the scout}"
MANIFEST=${MANIFEST:-manifest.jsonl} DEVICE=${DEVICE:+--device $DEVICE} SHARE=${SHARE:-1} HAND=${HAND:-hand/*.jsonl} PER_TYPE=${PER_TYPE:-6}
SIZES=${SIZES:-24,32,40} LONG=${LONG:-192} SEED=31
WEIGHTS='{"hand":1.0,"absent":2.2,"signature":2.5,"where":0.9,"quote":0.3,"complete":0.3,"prose":0.6,"doc":1.9,"commit":0.35,"sentence":1.5,"test":1.4,"change":1.4,"heading":1.4,"option":0.9,"chat":0.5}'
MODELS=(scout ${CODER:+coder})

train() { python -m blocksight_train "$@"; }

# make FILE COMMAND …: unless the file is there.
make() {
  local file=$1
  shift
  [ -e "$file" ] || { echo "== $file"; "$@"; }
}

# minutes dense:12,index:1.2: each stage's share of its minutes.
minutes() { awk -v share="$SHARE" -v RS=, -F: '{ printf "%s%s:%g", (NR > 1 ? "," : ""), $1, $2 * share }' <<<"$1"; }

bases() {
  local model gguf
  for model in "${MODELS[@]}"; do
    [ "$model" = scout ] && gguf=$SCOUT || gguf=$CODER
    make "$WORK/$model.tokenizer.json" train tokenizer --gguf "$gguf" --out "$WORK/$model.tokenizer.json"
    make "$WORK/base/$model/index.json" train parts --gguf "$gguf" --out "$WORK/base/$model"
  done
}

data() {
  local sources="--manifest $MANIFEST --mirror $MIRROR --tokenizers ${MODELS[*]/#/$WORK/}"
  sources=${sources//"$WORK/scout"/"$WORK/scout.tokenizer.json"}
  sources=${sources//"$WORK/coder"/"$WORK/coder.tokenizer.json"}
  train clone --manifest "$MANIFEST" --mirror "$MIRROR"
  # shellcheck disable=SC2086 # several words
  {
    make "$WORK/made/segments.npz" train data $sources --use train --trees 3 --seed $SEED --out "$WORK/made"
    make "$WORK/dev/segments.npz" train data $sources --use dev --held-out --trees 1 --head 130 --history 130 --out "$WORK/dev"
    make "$WORK/test/segments.npz" train data $sources --use test --held-out --trees 1 --head 160 --history 160 --commits 60 --questions 30 --prose 0 --out "$WORK/test"
    [ "$HAND" = none ] || make "$WORK/hand/segments.npz" train data $sources --seed $SEED --hand $HAND --out "$WORK/hand"
  }
  local folders=("$WORK/made")
  [ "$HAND" = none ] || folders+=("$WORK/hand")
  make "$WORK/all/segments.npz" train join "${folders[@]}" --models "${MODELS[@]}" --out "$WORK/all"
  make "$WORK/all/asks.more" asks
}

asks() {
  train asks --data "$WORK/all" --each 4
  touch "$WORK/all/asks.more"
}

# The largest base that there is teaches: its answers are text, which any tokenizer reads.
teach() {
  local model=${MODELS[-1]}
  local teacher="--base $WORK/base/$model --tokenizer $WORK/$model.tokenizer.json --model $model $DEVICE --data $WORK/all"
  local stop=""
  [ "$model" = scout ] || stop="--stop 151643"
  # shellcheck disable=SC2086
  make "$WORK/all/taught.jsonl" train teach $teacher $stop --minutes "$(minutes teach:11 | cut -d: -f2)" --out "$WORK/all/taught.jsonl"
  # shellcheck disable=SC2086
  make "$WORK/all/chat.jsonl" train teach $teacher $stop --instructions 1800 --steps 160 --minutes "$(minutes chat:1 | cut -d: -f2)" --out "$WORK/all/chat.jsonl"
}

# tune MODEL RATE PLAN
tune() {
  local model=$1 shipped=../media/models/$1.safetensors
  local base="--base $WORK/base/$model --adapter $shipped $DEVICE"
  [ -e "$WORK/$model.safetensors" ] && return
  # shellcheck disable=SC2086
  train tune $base --tokenizer "$WORK/$model.tokenizer.json" --model "$model" --data "$WORK/all" \
    --files questions.jsonl,taught.jsonl,chat.jsonl --fresh --resume --plan "$(minutes "$3")" --rate "$2" --sizes "$SIZES" --long "$LONG" --mined 0.4 \
    --index-sizes "${INDEX_SIZES:-64,96,128}" --index-rows 1024 --questions 24 --text-share 0.1 --removed 0.08 --weights "$WEIGHTS" --seed $SEED --out "$WORK/$model"
  # shellcheck disable=SC2086
  train export $base --checkpoint "$WORK/$model/lora.pt" "$WORK/$model/index.pt" --pointer-weight 20 --cites \
    --out "$WORK/$model.safetensors"
}

measure() {
  local model records=()
  for model in "${MODELS[@]}"; do
    [ -e "$WORK/$model.safetensors" ] || continue
    # shellcheck disable=SC2086
    make "$WORK/$model.jsonl" train evaluate --base "$WORK/base/$model" --tokenizer "$WORK/$model.tokenizer.json" --model "$model" \
      --adapter "$WORK/$model.safetensors" $DEVICE --data "$WORK/test" --per-type "$PER_TYPE" --most '{"commit":20,"absent":12}' \
      --steps 40 --pointer-weight 20 --minutes "$(minutes measure:6 | cut -d: -f2)" --out "$WORK/$model.jsonl"
    records+=("$WORK/$model.jsonl")
  done
  train report "${records[@]}"
}

mkdir -p "$WORK"
for step in "${@:-data teach scout coder measure}"; do
  for part in $step; do
    bases
    case $part in
    data | teach | measure) $part ;;
    scout) tune scout 1e-3 dense:12,index:1.2,joint:3 ;;
    coder) [ -z "${CODER:-}" ] || tune coder 4e-4 dense:16,index:1.5,joint:5 ;;
    *) echo "no step $part: known are data, teach, scout, coder, measure" >&2 && exit 2 ;;
    esac
  done
done
