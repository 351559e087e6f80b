#include "logging/line_text.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <regex>
#include <string>

namespace vmq::logging {
namespace {

using log::Level;

Record record(std::string_view text) {
    Record made;
    made.time_us = 1'795'708'195'000'042;
    made.thread = 17;
    made.level = Level::Warning;
    made.place.file = "../../src/broker/connection.cc";
    made.place.line = 506;
    made.place.module = log::Module::Broker;
    made.text = text;
    return made;
}

std::string text_of(std::string_view text, Template form = Template::Extended) {
    TimeText times;
    std::string out;
    append_text(out, times, record(text), form);
    return out;
}

TEST(LineText, HasVerneMQsTwoForms) {
    const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000042[+-]\d\d:\d\d)";
    EXPECT_TRUE(std::regex_match(
        text_of("hello"), std::regex(time + R"( \[warning\] <17> broker/connection:506: hello\n)")))
        << text_of("hello");
    EXPECT_TRUE(std::regex_match(text_of("hello", Template::Simple),
                                 std::regex(time + R"( warning: hello\n)")));
}

TEST(LineText, CannotBeForged) {
    const std::string line =
        text_of("a\n2026-01-02T03:04:05.678901+00:00 [info] forged\x1b[1m\x7f");
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    EXPECT_EQ(line.find('\x7f'), std::string::npos);
}

TEST(LineText, KeepsUtf8AndNothingElse) {
    std::string out;
    append_clean(out, "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x9D");
    EXPECT_EQ(out, "gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x9D");
    out.clear();
    // Too long forms, a surrogate, beyond U+10FFFF, cut off, a byte that begins nothing, C1,
    // U+2028.
    append_clean(out, "\xC0\x80|\xED\xA0\x80|\xF4\x90\x80\x80|\xE2\x82|\xFF|\xC2\x9B|\xE2\x80\xA8");
    EXPECT_EQ(out, "??|???|????|??|?|?|?");
}

TEST(LineText, JsonIsOneObjectALine) {
    Record made = record("say \"no\"\\\n");
    const std::string odd("\x00\x01\xFF\"\\\n\xC2\x9B", 8);
    made.fields = {{"client_id", odd}, {"keep_alive", 60U}, {"clean_start", true}};
    std::string out;
    append_json(out, made);
    ASSERT_EQ(out.find('\n'), out.size() - 1);
    const auto parsed = boost::json::parse(out).as_object();
    EXPECT_EQ(parsed.at("time").as_int64(), 1'795'708'195'000'042);
    EXPECT_EQ(parsed.at("level"), "warning");
    EXPECT_EQ(parsed.at("pid"), "<17>");
    EXPECT_EQ(parsed.at("module"), "broker");
    EXPECT_EQ(parsed.at("file"), "broker/connection.cc");
    EXPECT_EQ(parsed.at("line").as_int64(), 506);
    EXPECT_EQ(parsed.at("msg"), "say \"no\"\\\n");
    EXPECT_EQ(std::string(parsed.at("client_id").as_string()),
              std::string("\x00\x01\xEF\xBF\xBD\"\\\n\xC2\x9B", 10));
    EXPECT_EQ(parsed.at("keep_alive").as_int64(), 60);
    EXPECT_TRUE(parsed.at("clean_start").as_bool());
}

TEST(LineText, JsonIsValidForAllBytes) {
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; second += 5) {
            const char bytes[] = {static_cast<char>(first), static_cast<char>(second), 'x'};
            std::string out;
            append_json_string(out, {bytes, 3});
            boost::json::error_code error;
            (void)boost::json::parse(out, error);
            EXPECT_FALSE(error) << out;
        }
    }
}

}  // namespace
}  // namespace vmq::logging
