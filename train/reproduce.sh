#!/usr/bin/env bash
# Both adapters from the bare bases in one go: data, teaching, tuning, export, and a report on both.
#
#   MIRROR=DIR WORK=DIR SCOUT=FILE.gguf CODER=FILE.gguf bash train/reproduce.sh [data|teach|scout|coder|measure ...]
#
# MIRROR holds the repositories that `clone` fetched, or is filled with them. What was made whole in WORK is not made again, so that a run that
# was ended goes on with the first piece that is missing. All but `data` want a GPU (DEVICE=cpu is for trying this script). Of the shipped
# adapters only the layout and the question heads are taken. SHARE=0.1 takes a tenth of all minutes, MANIFEST other repositories, SIZES, LONG
# and INDEX_SIZES other packs, HAND=none no questions written by hand, PER_TYPE fewer questions of a type when measuring.
set -euo pipefail

: "${MIRROR:?a folder of bare repositories}" "${WORK:?a folder for what is made}" "${SCOUT:?the GGUF file of the scout}"
absolute() { case $1 in /*) printf %s "$1" ;; *) printf %s "$PWD/$1" ;; esac; }
MIRROR=$(absolute "$MIRROR") WORK=$(absolute "$WORK") SCOUT=$(absolute "$SCOUT")
CODER=${CODER:+$(absolute "$CODER")} MANIFEST=${MANIFEST:+$(absolute "$MANIFEST")}
cd "$(dirname "$0")"
MANIFEST=${MANIFEST:-manifest.jsonl} SHARE=${SHARE:-1} HAND=${HAND:-all} PER_TYPE=${PER_TYPE:-6} SIZES=${SIZES:-24,32,40} LONG=${LONG:-192}
INDEX_SIZES=${INDEX_SIZES:-64,96,128} SEED=31
WEIGHTS='{"hand":2.0,"absent":3.0,"signature":2.5,"where":1.2,"quote":0.3,"complete":0.3,"prose":0.6,"doc":2.2,"commit":0.35,"sentence":1.5,"test":1.4,"change":1.4,"heading":1.4,"option":0.9,"chat":3.0}'
models=(scout ${CODER:+coder})
device=(${DEVICE:+--device "$DEVICE"})

train() { python -m blocksight_train "$@"; }

# make FILE COMMAND …: unless the command has ended well before. A file that was cut off is made again.
make() {
  local file=$1
  shift
  [ -e "$file.made" ] && return
  echo "== $file"
  "$@"
  touch "$file.made"
}

# minutes 12: the run's share of them.
minutes() { LC_ALL=C awk -v share="$SHARE" -v of="$1" 'BEGIN { printf "%g", of * share }'; }

# model_of NAME: the options that name a base, its tokenizer and its tokens, in `model_options`.
model_of() { model_options=(--base "$WORK/base/$1" --tokenizer "$WORK/$1.tokenizer.json" --model "$1" "${device[@]}"); }

bases() {
  make "$WORK/scout.tokenizer.json" train tokenizer --gguf "$SCOUT" --out "$WORK/scout.tokenizer.json"
  make "$WORK/base/scout" train parts --gguf "$SCOUT" --out "$WORK/base/scout"
  [ -n "$CODER" ] || return 0
  make "$WORK/coder.tokenizer.json" train tokenizer --gguf "$CODER" --out "$WORK/coder.tokenizer.json"
  make "$WORK/base/coder" train parts --gguf "$CODER" --out "$WORK/base/coder"
}

data() {
  local tokenizers=("${models[@]/#/"$WORK/"}")
  local sources=(--manifest "$MANIFEST" --mirror "$MIRROR" --tokenizers "${tokenizers[@]/%/.tokenizer.json}")
  local folders=("$WORK/made")
  train clone --manifest "$MANIFEST" --mirror "$MIRROR"
  make "$WORK/made" train data "${sources[@]}" --use train --trees 2 --head 200 --history 100 --questions 100 --seed $SEED --out "$WORK/made"
  make "$WORK/test" train data "${sources[@]}" --use test --held-out --trees 1 --head 160 --history 160 --commits 60 --questions 30 --prose 0 --out "$WORK/test"
  if [ "$HAND" != none ]; then
    make "$WORK/hand" train data "${sources[@]}" --seed $SEED --head 160 --hand hand/*.jsonl --out "$WORK/hand"
    folders+=("$WORK/hand")
  fi
  make "$WORK/all" train join "${folders[@]}" --models "${models[@]}" --out "$WORK/all"
  make "$WORK/all/asks" train asks --data "$WORK/all" --each 4
}

# The largest base that there is teaches: its answers are text, which any tokenizer reads.
teach() {
  local stop=()
  model_of "${models[-1]}"
  [ -z "$CODER" ] || stop=(--stop 151643)
  make "$WORK/all/taught" train teach "${model_options[@]}" --data "$WORK/all" "${stop[@]}" --most 1000000 --minutes "$(minutes 11)" --out "$WORK/all/taught.jsonl"
  make "$WORK/all/chat" train teach "${model_options[@]}" --data "$WORK/all" "${stop[@]}" --instructions 1800 --steps 160 --minutes "$(minutes 1)" --out "$WORK/all/chat.jsonl"
}

# tune MODEL RATE DENSE BLOCKS WIDE JOINT: minutes of each stage.
tune() {
  local shipped=../media/models/$1.safetensors plan
  plan="dense:$(minutes "$3"),blocks:$(minutes "$4"),wide:$(minutes "$5"),joint:$(minutes "$6")"
  model_of "$1"
  make "$WORK/$1" train tune "${model_options[@]}" --adapter "$shipped" --data "$WORK/all" --files questions.jsonl,taught.jsonl,chat.jsonl --fresh --resume \
    --plan "$plan" --rate "$2" --sizes "$SIZES" --long "$LONG" --mined 0.4 --index-sizes "$INDEX_SIZES" --index-rows 1024 --questions 24 --text-share 0.1 \
    --removed 0.08 --weights "$WEIGHTS" --seed $SEED --out "$WORK/$1"
  make "$WORK/$1.safetensors" train export --base "$WORK/base/$1" "${device[@]}" --adapter "$shipped" --checkpoint "$WORK/$1/lora.pt" "$WORK/$1/index.pt" \
    --pointer-weight 20 --cites --out "$WORK/$1.safetensors"
}

measure() {
  local model records=()
  for model in "${models[@]}"; do
    [ -e "$WORK/$model.safetensors.made" ] || continue
    model_of "$model"
    make "$WORK/$model.jsonl" train evaluate "${model_options[@]}" --adapter "$WORK/$model.safetensors" --data "$WORK/test" --per-type "$PER_TYPE" \
      --most '{"commit":20,"absent":12}' --steps 40 --pointer-weight 20 --minutes "$(minutes 6)" --out "$WORK/$model.jsonl"
    records+=("$WORK/$model.jsonl")
  done
  [ ${#records[@]} -gt 0 ] || { echo "no adapter was made: run scout or coder first" >&2 && exit 2; }
  train report "${records[@]}"
}

mkdir -p "$WORK"
[ $# -gt 0 ] || set -- data teach scout coder measure
bases
for step in "$@"; do
  case $step in
  data | teach | measure) "$step" ;;
  scout) tune scout 1e-3 12 1.5 6 1.5 ;;
  coder) [ -z "$CODER" ] || tune coder 4e-4 16 1.5 7 1.5 ;;
  *) echo "no step $step: known are data, teach, scout, coder, measure" >&2 && exit 2 ;;
  esac
done
