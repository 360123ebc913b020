/* The engine's whole public boundary.
 *
 * Opaque handles, status codes and a message; no exception crosses, nothing here calls exit.
 * Strings are UTF-8. Whoever creates a handle destroys it, in any order. Every call may be made from
 * any thread. On one pack one bs_read and one bs_ask may run at a time, also both together (a second
 * of the same kind: BS_BUSY); bs_cancel_request works at any time. Callbacks run on the calling
 * thread.
 */
#ifndef BLOCKSIGHT_H
#define BLOCKSIGHT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BS_VERSION "0.1.0"
#define BS_BLOCK_TOKENS 128
#define BS_NO_BLOCK 0xFFFFFFFFu

typedef enum bs_status {
  BS_OK = 0,
  BS_CANCELLED,
  BS_INVALID_ARGUMENT,      /* a caller's bug */
  BS_NOT_FOUND,             /* no such file */
  BS_UNREADABLE,            /* a file exists and cannot be read */
  BS_TRUNCATED,             /* a model file ends too early */
  BS_CORRUPT,               /* a model file contradicts itself */
  BS_WRONG_BASE,            /* an adapter made for another base */
  BS_UNSUPPORTED_ARCHITECTURE,
  BS_UNSUPPORTED_QUANTIZATION,
  BS_UNSUPPORTED_TOKENIZER,
  BS_OUT_OF_MEMORY,
  BS_DISK_FULL,
  BS_WINDOW_FULL,           /* the prompt alone does not fit the conversation's window */
  BS_BUSY,
  BS_INTERNAL
} bs_status;

typedef struct bs_error {
  bs_status status;
  char message[1024]; /* one sentence with the value that was wrong */
} bs_error;

typedef struct bs_engine bs_engine;
typedef struct bs_tokenizer bs_tokenizer;
typedef struct bs_model bs_model;
typedef struct bs_pack bs_pack;
typedef struct bs_cancel bs_cancel;

/* Engine: thread pool, op tables, page store. */
typedef struct bs_engine_options {
  int threads;            /* 0: physical cores up to 4, above that cores - 1 */
  const char* tier;       /* "cpu" or "ref"; NULL: cpu */
  const char* isa;        /* for tests: "avx2", "avx512vnni", "amx"; NULL: the best there is */
  const char* numerics;   /* "i8" or "bf16" matrix products of the cpu tier; NULL: i8 */
  const char* kv;         /* "f32", "bf16" or "i8"; NULL: i8. The ref tier is f32 throughout */
  const char* store_dir;  /* page store; NULL: memory only */
  uint64_t store_limit_bytes;
  uint64_t memory_limit_bytes; /* pages kept in memory; 0: no limit */
} bs_engine_options;

bs_status bs_engine_create(const bs_engine_options*, bs_engine** out, bs_error*);
void bs_engine_destroy(bs_engine*);
/* JSON: version, cpu, features[], threads, tier, numerics, kvType, kernels{op:id},
 * pageStore{path,bytes,limitBytes} or null. Owned by the engine, until the next call. */
const char* bs_engine_describe(bs_engine*);

bs_cancel* bs_cancel_create(void);
void bs_cancel_request(bs_cancel*);
void bs_cancel_destroy(bs_cancel*);

/* Tokenizer: from a model's GGUF, or from a GGUF that holds tokenizer keys only. */
bs_status bs_tokenizer_open(const char* path, bs_tokenizer** out, bs_error*);
void bs_tokenizer_destroy(bs_tokenizer*);
/* JSON: name, pre, vocabSize, hash, special{text:id}, chatTemplate ("" where the file has none). */
const char* bs_tokenizer_describe(bs_tokenizer*);
/* Ids and exclusive end offsets (bytes) of `text`; both need room for `length` entries (a token has
 * at least one byte). Any bytes are accepted, invalid UTF-8 too. */
bs_status bs_tokenizer_encode(bs_tokenizer*, const char* text, size_t length, int parse_special,
                              uint32_t* ids, uint32_t* ends, size_t* count, bs_error*);
/* Bytes of one token; empty for an unknown id. */
const char* bs_tokenizer_token_bytes(bs_tokenizer*, uint32_t id, size_t* length);

typedef struct bs_model_options {
  const char* model_path;
  const char* adapter_path;  /* NULL: none */
  const char* index_source;  /* "trained" or "keys"; NULL: trained with an adapter, else keys */
  const char* layout;        /* "independent" or "causal"; NULL: independent */
  const char* prefix_text;   /* without an adapter: the rendered system turn, {system} where our text
                                goes, special tokens parsed; filled to a block inside the turn.
                                NULL: ChatML */
  const char* model_sha256;  /* hex, when the caller knows the file's hash; NULL: hashed here */
} bs_model_options;

bs_status bs_model_open(bs_engine*, const bs_model_options*, bs_model** out, bs_error*);
void bs_model_destroy(bs_model*);
/* JSON: ModelInfo of src/shared/model.ts. */
const char* bs_model_describe(bs_model*);
bs_tokenizer* bs_model_tokenizer(bs_model*); /* owned by the model */

/* Pack: all segments of a workspace in pack order, in sight or not. */
typedef struct bs_segment {
  const uint32_t* ids; /* header tokens ++ body tokens */
  uint32_t count;
  uint32_t file;
} bs_segment;

bs_status bs_pack_create(bs_model*, const bs_segment*, size_t count, bs_pack** out, bs_error*);
void bs_pack_destroy(bs_pack*);
/* One byte a segment: 1 where all its pages are in memory or in the store. */
bs_status bs_pack_held(bs_pack*, uint8_t* held, bs_error*);

typedef struct bs_read_options {
  const uint32_t* segments; /* in reading order */
  size_t count;
  int background;           /* yields between chunks, on threads of the lowest priority */
  double budget_ms;         /* 0: none */
  size_t at_least;          /* segments that are read whatever the budget */
} bs_read_options;

typedef struct bs_read_progress {
  uint32_t segment;
  uint64_t done_tokens, total_tokens;
  double tokens_per_second;
} bs_read_progress;

typedef struct bs_read_result {
  size_t read;              /* how many of `segments`, from the front, are now in memory */
  uint64_t prefill_tokens, reused_tokens;
  double elapsed_ms;
  bs_error store; /* BS_OK, or why the store could not take pages, which are in memory nevertheless */
} bs_read_result;

/* BS_CANCELLED leaves what was finished in place and fills the result. */
bs_status bs_read(bs_pack*, const bs_read_options*,
                  void (*on_progress)(void* user, const bs_read_progress*), void* user, bs_cancel*,
                  bs_read_result*, bs_error*);

typedef enum bs_step_kind { BS_QUESTION = 0, BS_ANSWER, BS_CITATION } bs_step_kind;

typedef struct bs_candidate {
  uint32_t file;
  float log_prob, focus;
} bs_candidate;

/* Arrays [sparse layer][group][k], `entries` long each; valid during the callback only. */
typedef struct bs_step {
  bs_step_kind kind;
  uint32_t index, token;
  size_t entries;
  const uint32_t* blocks;
  const float* score;
  const float* mass;
  const bs_candidate* candidates; /* first token of a citation, best first; the chosen is [0] */
  size_t candidate_count;
} bs_step;

typedef struct bs_ask_options {
  const uint32_t* prompt; /* the whole conversation, rendered; the assistant header last */
  size_t prompt_count;
  size_t turn_start;      /* index in `prompt` of the first token of the current user turn */
  const uint32_t* sight;  /* segments that are scored; each must have been read */
  size_t sight_count;
  uint32_t max_tokens;    /* 0: read the question only */
  float temperature, top_p, repetition_penalty; /* temperature 0: greedy; penalty 1: off */
  uint32_t top_k;         /* 0: off */
  uint64_t seed;
  int trace;              /* 0: no steps are reported (the work is the same) */
  /* Citations: per file the ids of "path\n" as in its header; NULL: the engine does not point. */
  const uint32_t* const* cite_ids;
  const uint32_t* cite_counts;
  size_t cite_files;
} bs_ask_options;

typedef enum bs_stop { BS_STOP_EOS = 0, BS_STOP_MAX_TOKENS, BS_STOP_CANCELLED, BS_STOP_WINDOW } bs_stop;

typedef struct bs_ask_result {
  bs_stop stop;
  uint32_t answer_tokens;
  double first_token_ms, decode_ms;
} bs_ask_result;

/* Cancelling is a result, not an error: BS_OK with BS_STOP_CANCELLED; steps so far were reported. */
bs_status bs_ask(bs_pack*, const bs_ask_options*, void (*on_step)(void* user, const bs_step*),
                 void* user, bs_cancel*, bs_ask_result*, bs_error*);

/* Drops pages held in memory; with `disk` the store's too. */
bs_status bs_clear_pages(bs_engine*, int disk, bs_error*);

#ifdef __cplusplus
}
#endif
#endif
