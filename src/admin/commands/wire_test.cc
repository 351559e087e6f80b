#include "admin/commands/wire.h"

#include <gtest/gtest.h>

namespace vmq::admin::commands {
namespace {

TEST(Wire, RequestsArriveAsTheyWereSent) {
    const Request sent{{"session", "disconnect", "client-id=a \"b\"\n\xC3\xA4", ""}, true};
    std::string line = encode(sent);
    ASSERT_EQ(line.back(), '\n');
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    line.pop_back();
    const auto got = decode_request(line);
    ASSERT_TRUE(got);
    EXPECT_EQ(got.value().words, sent.words);
    EXPECT_TRUE(got.value().terminal);
}

TEST(Wire, OtherLinesAreNoRequests) {
    for (const char* line : {"ping", "admin", "admin []", "admin {", "admin {\"words\":1}",
                             "admin {\"words\":[1]}", "admin {\"terminal\":true}"}) {
        EXPECT_FALSE(decode_request(line)) << line;
    }
    EXPECT_TRUE(decode_request("admin {\"words\":[]}"));
}

TEST(Wire, AnswersArriveWholeHoweverTheyAreCut) {
    const Printed sent{std::string(200'000, 'x') + "end", "warning\n", 3};
    const std::string bytes = encode(sent);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
        AnswerReader reader;
        std::string out;
        std::string err;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            reader.add(std::string_view(bytes).substr(at, step));
            while (const auto piece = reader.next())
                (piece->kind == 'o' ? out : err) += piece->bytes;
        }
        EXPECT_EQ(out, sent.out);
        EXPECT_EQ(err, sent.err);
        EXPECT_EQ(reader.status(), 3);
    }
}

TEST(Wire, ATornAnswerHasNoStatus) {
    const std::string bytes = encode(Printed{"text", "", 0});
    AnswerReader reader;
    reader.add(std::string_view(bytes).substr(0, bytes.size() - 1));
    while (reader.next()) {
    }
    EXPECT_FALSE(reader.status());
    EXPECT_FALSE(reader.broken());
}

TEST(Wire, AnAnswerGoesOnUntilItsStatus) {
    class Silent final : public Stream {
        Piece take() override { return {}; }
    };
    AnswerReader reader;
    reader.add(encode(Printed{"first", "", 0, std::make_shared<Silent>()}) +
               encode(Stream::Piece{"second", {}}) + encode(Stream::Piece{"", {}}));
    EXPECT_EQ(reader.next()->bytes, "first");
    EXPECT_EQ(reader.next()->bytes, "second");
    EXPECT_FALSE(reader.next());
    EXPECT_FALSE(reader.status());
    reader.add(encode(Stream::Piece{"last", 4}));
    EXPECT_EQ(reader.next()->bytes, "last");
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.status(), 4);
}

TEST(Wire, WhatIsNoAnswerIsFoundOut) {
    for (const std::string_view bytes :
         {std::string_view("error: unknown request"), std::string_view("o\x7F\0\0\0", 5),
          std::string_view("x\0\0\0\2", 5)}) {
        AnswerReader reader;
        reader.add(bytes);
        EXPECT_FALSE(reader.next());
        EXPECT_TRUE(reader.broken());
    }
}

}  // namespace
}  // namespace vmq::admin::commands
