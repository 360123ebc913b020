#include "values.h"

#include <cmath>
#include <cstring>

namespace blocksight::addon {

const char* status_name(bs_status status) {
  switch (status) {
    case BS_OK:
      return "ok";
    case BS_CANCELLED:
      return "cancelled";
    case BS_INVALID_ARGUMENT:
      return "invalidArgument";
    case BS_NOT_FOUND:
      return "notFound";
    case BS_UNREADABLE:
      return "unreadable";
    case BS_TRUNCATED:
      return "truncated";
    case BS_CORRUPT:
      return "corrupt";
    case BS_WRONG_BASE:
      return "wrongBase";
    case BS_UNSUPPORTED_ARCHITECTURE:
      return "unsupportedArchitecture";
    case BS_UNSUPPORTED_QUANTIZATION:
      return "unsupportedQuantization";
    case BS_UNSUPPORTED_TOKENIZER:
      return "unsupportedTokenizer";
    case BS_OUT_OF_MEMORY:
      return "outOfMemory";
    case BS_DISK_FULL:
      return "diskFull";
    case BS_WINDOW_FULL:
      return "windowFull";
    case BS_BUSY:
      return "busy";
    case BS_INTERNAL:
      return "internal";
  }
  return "internal";
}

Napi::Value error_value(Napi::Env env, bs_status status, const std::string& message) {
  const Napi::Object value = Napi::Error::New(env, message).Value();
  value.Set("status", status_name(status));
  return value;
}

void copy_message(const std::string& message, bs_error* error) {
  const size_t length = std::min(message.size(), sizeof(error->message) - 1);
  std::memcpy(error->message, message.data(), length);
  error->message[length] = 0;
}

void Reader::fail(const char* name, const char* expected) {
  if (ok_) {
    Napi::TypeError::New(env_, std::string("Expected `") + name + "` to be " + expected + ".")
        .ThrowAsJavaScriptException();
  }
  ok_ = false;
}

double Reader::number(const Napi::Value& value, const char* name) {
  if (!ok_) return 0;
  if (!value.IsNumber()) {
    fail(name, "a number");
    return 0;
  }
  return value.As<Napi::Number>().DoubleValue();
}

uint32_t Reader::u32(const Napi::Value& value, const char* name) {
  const double wanted = number(value, name);
  if (ok_ && !(wanted >= 0 && wanted <= UINT32_MAX && wanted == std::floor(wanted))) {
    fail(name, "an integer from 0 to 4294967295");
  }
  return ok_ ? static_cast<uint32_t>(wanted) : 0;
}

bool Reader::boolean(const Napi::Value& value, const char* name) {
  if (ok_ && !value.IsBoolean()) fail(name, "a boolean");
  return ok_ && value.As<Napi::Boolean>().Value();
}

std::string Reader::text(const Napi::Value& value, const char* name) {
  if (ok_ && !value.IsString()) fail(name, "a string");
  if (!ok_) return {};
  std::string text = value.As<Napi::String>().Utf8Value();
  // C strings end at the first NUL: a path with one would name another file.
  if (text.find('\0') != std::string::npos) fail(name, "a string without NUL characters");
  return ok_ ? text : std::string();
}

std::string Reader::bytes(const Napi::Value& value, const char* name) {
  const auto is_bytes = [&] {
    return value.IsTypedArray() &&
           value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  };
  if (ok_ && !is_bytes()) fail(name, "a Uint8Array");
  if (!ok_) return {};
  const auto array = value.As<Napi::Uint8Array>();
  if (array.ElementLength() == 0) return {};
  return {reinterpret_cast<const char*>(array.Data()), array.ElementLength()};
}

std::vector<uint32_t> Reader::u32_array(const Napi::Value& value, const char* name) {
  const auto is_u32_array = [&] {
    return value.IsTypedArray() &&
           value.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array;
  };
  if (ok_ && !is_u32_array()) fail(name, "a Uint32Array");
  if (!ok_) return {};
  const auto array = value.As<Napi::Uint32Array>();
  if (array.ElementLength() == 0) return {};
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<std::vector<uint32_t>> Reader::u32_arrays(const Napi::Value& value, const char* name) {
  if (ok_ && !value.IsArray()) fail(name, "an array of Uint32Array");
  std::vector<std::vector<uint32_t>> all;
  if (!ok_) return all;
  const auto array = value.As<Napi::Array>();
  all.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length() && ok_; i++) {
    const Napi::HandleScope scope(env_);
    all.push_back(u32_array(array.Get(i), name));
  }
  return all;
}

std::vector<std::string> Reader::bytes_arrays(const Napi::Value& value, const char* name) {
  if (ok_ && !value.IsArray()) fail(name, "an array of Uint8Array");
  std::vector<std::string> all;
  if (!ok_) return all;
  const auto array = value.As<Napi::Array>();
  all.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length() && ok_; i++) {
    const Napi::HandleScope scope(env_);
    all.push_back(bytes(array.Get(i), name));
  }
  return all;
}

Napi::Object Reader::object(const Napi::Value& value, const char* name) {
  if (ok_ && (!value.IsObject() || value.IsArray())) fail(name, "an object");
  return ok_ ? value.As<Napi::Object>() : Napi::Object::New(env_);
}

Napi::Function Reader::function(const Napi::Value& value, const char* name) {
  if (ok_ && !value.IsFunction()) fail(name, "a function");
  return ok_ ? value.As<Napi::Function>() : Napi::Function();
}

Napi::Value Reader::property(const Napi::Object& object, const char* name) {
  if (!ok_) return env_.Undefined();
  const Napi::Value value = object.Get(name);
  if (!env_.IsExceptionPending()) return value;
  ok_ = false;  // a getter threw; its exception goes to the caller
  return env_.Undefined();
}

void Reader::maybe(const Napi::Object& object, const char* name, std::string* value) {
  const Napi::Value found = property(object, name);
  if (ok_ && !found.IsUndefined()) *value = text(found, name);
}

void Reader::maybe(const Napi::Object& object, const char* name, double* value) {
  const Napi::Value found = property(object, name);
  if (ok_ && !found.IsUndefined()) *value = number(found, name);
}

void Reader::maybe(const Napi::Object& object, const char* name, bool* value) {
  const Napi::Value found = property(object, name);
  if (ok_ && !found.IsUndefined()) *value = boolean(found, name);
}

Napi::Value u32_value(Napi::Env env, const std::vector<uint32_t>& values) {
  auto array = Napi::Uint32Array::New(env, values.size());
  if (!values.empty() && !array.IsEmpty()) {
    std::memcpy(array.Data(), values.data(), values.size() * sizeof(uint32_t));
  }
  return array;
}

Napi::Value u8_value(Napi::Env env, const uint8_t* data, size_t size) {
  auto array = Napi::Uint8Array::New(env, size);
  if (size > 0 && !array.IsEmpty()) std::memcpy(array.Data(), data, size);
  return array;
}

}  // namespace blocksight::addon
