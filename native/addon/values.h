// JavaScript values to C and back. A value of the wrong type throws a TypeError that says what was
// expected; nothing is coerced.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "blocksight.h"

namespace blocksight::addon {

// For example "corrupt"; StatusName of src/engineProcess/nativeAddon.ts.
const char* status_name(bs_status);

// An Error with the property `status`.
Napi::Value error_value(Napi::Env, bs_status, const std::string& message);

// At most 1,023 bytes of `message`.
void copy_message(const std::string& message, bs_error*);

// Reads the properties and elements of one call's arguments. After the first failure a TypeError is
// pending, `ok()` is false and every further read returns an empty value.
class Reader {
 public:
  explicit Reader(const Napi::CallbackInfo& info) : env_(info.Env()), info_(info) {}

  bool ok() const { return ok_; }
  Napi::Value argument(size_t index) const { return info_[index]; }

  uint32_t u32(const Napi::Value&, const char* name);
  double number(const Napi::Value&, const char* name);
  bool boolean(const Napi::Value&, const char* name);
  std::string text(const Napi::Value&, const char* name);
  std::string bytes(const Napi::Value&, const char* name);
  std::vector<uint32_t> u32_array(const Napi::Value&, const char* name);
  std::vector<std::vector<uint32_t>> u32_arrays(const Napi::Value&, const char* name);
  std::vector<std::string> bytes_arrays(const Napi::Value&, const char* name);
  Napi::Object object(const Napi::Value&, const char* name);
  Napi::Function function(const Napi::Value&, const char* name);

  // A property of `object`; undefined when it is absent.
  Napi::Value property(const Napi::Object& object, const char* name);
  // An absent property leaves `value` as it is.
  void maybe(const Napi::Object& object, const char* name, std::string* value);
  void maybe(const Napi::Object& object, const char* name, double* value);
  void maybe(const Napi::Object& object, const char* name, bool* value);

  void fail(const char* name, const char* expected);

 private:
  Napi::Env env_;
  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

// Copies: Electron forbids array buffers over memory of our own. Empty where the environment is
// ending.
Napi::Value u32_value(Napi::Env, const std::vector<uint32_t>&);
Napi::Value u8_value(Napi::Env, const uint8_t* data, size_t size);

}  // namespace blocksight::addon
