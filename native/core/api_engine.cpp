#include "blocksight.h"
#include "boundary.h"
#include "cancel.h"

using namespace blocksight;

extern "C" {

bs_status bs_engine_create(const bs_engine_options* options, bs_engine** out, bs_error* error) {
  return at_boundary(error, [&] {
    need(options, out);
    auto handle = std::make_unique<bs_engine>();
    handle->engine = std::make_shared<Engine>(*options);
    *out = handle.release();
  });
}

void bs_engine_destroy(bs_engine* engine) { delete engine; }

const char* bs_engine_describe(bs_engine* engine) {
  if (!engine) return "{}";
  const bs_status status =
      at_boundary(nullptr, [&] { engine->description = engine->engine->describe(); });
  return status == BS_OK ? engine->description.c_str() : "{}";
}

bs_cancel* bs_cancel_create(void) { return new (std::nothrow) bs_cancel; }

void bs_cancel_request(bs_cancel* cancel) {
  if (cancel) cancel->requested.store(true, std::memory_order_relaxed);
}

void bs_cancel_destroy(bs_cancel* cancel) { delete cancel; }

bs_status bs_clear_pages(bs_engine* engine, int disk, bs_error* error) {
  return at_boundary(error, [&] {
    need(engine);
    engine->engine->pages().clear(disk != 0);
  });
}

}  // extern "C"
