#include "answer.h"
#include "blocksight.h"
#include "boundary.h"
#include "reading.h"

using namespace blocksight;

extern "C" {

bs_status bs_pack_create(bs_model* model, const bs_segment* segments, size_t count, bs_pack** out,
                         bs_error* error) {
  return at_boundary(error, [&] {
    need(model, out);
    if (count) need(segments);
    auto handle = std::make_unique<bs_pack>();
    handle->shared = std::make_shared<bs_pack::Shared>(
        model->model, std::span<const bs_segment>(segments, count));
    *out = handle.release();
  });
}

void bs_pack_destroy(bs_pack* pack) { delete pack; }

bs_status bs_pack_held(bs_pack* pack, uint8_t* held, bs_error* error) {
  return at_boundary(error, [&] {
    need(pack);
    const std::shared_ptr<bs_pack::Shared> shared = pack->shared;
    if (shared->pack.segment_count()) need(held);
    for (size_t i = 0; i < shared->pack.segment_count(); i++) {
      held[i] = shared->pack.is_held(i) ? 1 : 0;
    }
  });
}

bs_status bs_read(bs_pack* pack, const bs_read_options* options,
                  void (*on_progress)(void* user, const bs_read_progress*), void* user,
                  bs_cancel* cancel, bs_read_result* result, bs_error* error) {
  return at_boundary(error, [&] {
    need(pack, options, result);
    if (options->count) need(options->segments);
    const std::shared_ptr<bs_pack::Shared> shared = pack->shared;
    const Busy busy(shared->reading, "The pack is being read already.");
    ReadProgress progress;
    if (on_progress) {
      progress = [&](const bs_read_progress& p) { on_progress(user, &p); };
    }
    read_segments(shared->pack, *options, progress, cancel, *result);
  });
}

bs_status bs_ask(bs_pack* pack, const bs_ask_options* options,
                 void (*on_step)(void* user, const bs_step*), void* user, bs_cancel* cancel,
                 bs_ask_result* result, bs_error* error) {
  return at_boundary(error, [&] {
    need(pack, options, result);
    const std::shared_ptr<bs_pack::Shared> shared = pack->shared;
    const Busy busy(shared->asking, "The pack is answering a question already.");
    OnStep report;
    if (on_step) {
      report = [&](const bs_step& step) { on_step(user, &step); };
    }
    answer(shared->pack, *options, report, cancel, *result);
  });
}

}  // extern "C"
