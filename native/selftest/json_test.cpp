#include "bytes.h"
#include "check.h"
#include "io/json_reader.h"

namespace blocksight {
namespace {

TEST("JSON values are read with their types") {
  const Json json = Json::parse(
      R"( {"a": [1, -2.5e1, 0, 9007199254740993], "s": "x\n\u00e9\ud83d\ude00/", "t": true, "n": null} )");
  const Json::Array& a = *json.find("a")->array();
  CHECK_EQ(*a[0].integer(), uint64_t{1});
  CHECK_EQ(*a[1].number(), -25.0);
  CHECK(!a[1].integer());
  CHECK_EQ(*a[2].integer(), uint64_t{0});
  CHECK(!Json::parse("1.5").integer());
  CHECK(!Json::parse("1e300").integer());
  CHECK_EQ(*json.find("s")->string(), "x\n\xC3\xA9\xF0\x9F\x98\x80/");
  CHECK_EQ(*json.find("t")->boolean(), true);
  CHECK(json.find("n")->string() == nullptr && !json.find("n")->number());
  CHECK(json.find("none") == nullptr);
  CHECK_EQ(Json::parse("[]").array()->size(), size_t{0});
  CHECK_EQ(Json::parse("{}").object()->size(), size_t{0});
}

TEST("JSON that is not strict is refused") {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[",
                          "[1",
                          "[1,",
                          "[1,]",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "'a'",
                          "\"",
                          "\"\\",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\u12g4\"",
                          "\"\\ud800\"",
                          "\"\\ud800\\u0041\"",
                          "\"\\udc00\"",
                          "\"\x01\"",
                          "\"\xFF\"",
                          "\"\xC0\x80\"",
                          "\"\xED\xA0\x80\"",
                          "01",
                          "-",
                          "+1",
                          ".5",
                          "1.",
                          "1e",
                          "1e+",
                          "0x1",
                          "NaN",
                          "Infinity",
                          "tru",
                          "nul",
                          "1 2",
                          "[1]]",
                          "1e999",
                          "{\"a\":1,\"a\":2}",
                          "// c\n1",
                          "\xEF\xBB\xBF{}"}) {
    const auto error = thrown([&] { Json::parse(bad); });
    if (!error || error->status() != BS_CORRUPT) check::fail(__FILE__, __LINE__, bad);
  }
  CHECK_THROWS(Json::parse(std::string_view("1\0", 2)), BS_CORRUPT, "behind the value");
  CHECK_THROWS(Json::parse(std::string_view("\"\\\0\"", 4)), BS_CORRUPT, "escape");
}

TEST("JSON of too many levels or bytes is refused") {
  const std::string deep(100000, '[');
  CHECK_THROWS(Json::parse(deep), BS_CORRUPT, "levels");
  CHECK_EQ(Json::parse(std::string(33, '[') + std::string(33, ']')).array()->size(), size_t{1});
  CHECK_THROWS(Json::parse(std::string(34, '[') + std::string(34, ']')), BS_CORRUPT, "levels");
  CHECK_THROWS(Json::parse(std::string(Json::kMaxBytes + 1, ' ')), BS_CORRUPT, "too many");
}

}  // namespace
}  // namespace blocksight
