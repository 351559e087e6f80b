#include "vernemq/node_question.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::launcher {
namespace {

using admin::commands::Cell;
using admin::commands::ClientView;
using admin::commands::Rows;
using admin::commands::SettingsView;
using admin::commands::Undefined;
using Reauthorized = admin::commands::Node::Reauthorized;

std::vector<NodeQuestion> all_questions() {
    return {AskSessions{{{"client_id", "a"}, {"node", std::nullopt}}},
            AskDisconnect{{"mp", "client"}, true},
            AskDisconnectSome{12, {"x", "y"}, false},
            AskClient{{"", "client"}, true},
            AskUnsubscribe{{"mp", "c"}, "a/#", true},
            AskReauthorize{{"", "c"}, "user"},
            AskSettings{{"allow_anonymous"}},
            AskChange{{{"allow_anonymous", "on"}}},
            AskUnset{{"allow_anonymous", "x"}}};
}

TEST(NodeQuestion, EveryQuestionIsReadAsItWasWritten) {
    ASSERT_EQ(all_questions().size(), std::variant_size_v<NodeQuestion>);
    std::uint8_t kind = 0;
    for (const NodeQuestion& question : all_questions()) {
        const std::string bytes = encode(question);
        EXPECT_EQ(bytes.front(), static_cast<char>(++kind)) << "numbers never change";
        const auto read = decode_question(bytes);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->index(), question.index());
        EXPECT_EQ(encode(*read), bytes);
    }
    const auto sessions = std::get<AskSessions>(*decode_question(encode(all_questions()[0])));
    EXPECT_EQ(sessions.flags[0].second, "a");
    EXPECT_EQ(sessions.flags[1].second, std::nullopt);
}

TEST(NodeQuestion, WhatIsNoneIsRefused) {
    EXPECT_FALSE(decode_question(""));
    EXPECT_FALSE(decode_question(std::string(1, '\0')));
    EXPECT_FALSE(decode_question("\x40 of a later version"));
    for (const NodeQuestion& question : all_questions()) {
        const std::string bytes = encode(question);
        for (std::size_t size = 1; size < bytes.size(); ++size) {
            EXPECT_FALSE(decode_question(std::string_view(bytes).substr(0, size)));
        }
        EXPECT_FALSE(decode_question(bytes + "x"));
    }
}

TEST(NodeQuestion, EveryAnswerIsReadAsItWasWritten) {
    Rows rows{{{"a", "b"},
               {{std::monostate(), Undefined{}},
                {true, std::int64_t{-5}},
                {1.5, std::string("\xFF\0text", 6)}}},
              {"something is missing"}};
    Rows read;
    ASSERT_TRUE(decode_answer(encode_answer(rows), read));
    EXPECT_EQ(read.table.columns, rows.table.columns);
    EXPECT_EQ(read.table.rows, rows.table.rows);
    EXPECT_EQ(read.missing, rows.missing);

    bool flag = false;
    EXPECT_TRUE(decode_answer(encode_answer(true), flag) && flag);
    std::uint64_t number = 0;
    EXPECT_TRUE(decode_answer(encode_answer(std::uint64_t{300}), number) && number == 300);
    std::optional<ClientView> client = ClientView{true, {{"a/#", 2}}};
    std::optional<ClientView> read_client;
    ASSERT_TRUE(decode_answer(encode_answer(client), read_client));
    EXPECT_TRUE(read_client->online);
    EXPECT_EQ(read_client->topics, client->topics);
    ASSERT_TRUE(decode_answer(encode_answer(std::optional<ClientView>()), read_client));
    EXPECT_FALSE(read_client);
    Reauthorized outcome{};
    EXPECT_TRUE(decode_answer(encode_answer(Reauthorized::Changed), outcome));
    EXPECT_EQ(outcome, Reauthorized::Changed);
    EXPECT_FALSE(decode_answer(encode_answer(std::uint64_t{3}), outcome));
    SettingsView settings{"a@h", {"on", std::nullopt}, {"default", ""}};
    SettingsView read_settings;
    ASSERT_TRUE(decode_answer(encode_answer(settings), read_settings));
    EXPECT_EQ(read_settings.values, settings.values);
}

TEST(NodeQuestion, RowsThatDoNotFitTheirColumnsAreRefused) {
    Rows read;
    EXPECT_FALSE(decode_answer(encode_answer(Rows{{{"a", "b"}, {{true}}}, {}}), read));
}

/// Any bytes: refused, or nothing is read that would not be written so.
TEST(NodeQuestion, AnyBytesDoNoHarm) {
    std::mt19937 random(7);
    for (int i = 0; i < 20'000; ++i) {
        std::string bytes = encode(all_questions()[random() % all_questions().size()]);
        for (int change = 0; change < 3; ++change) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        const auto question = decode_question(bytes);
        if (question) {
            EXPECT_EQ(encode(*question), bytes);
        }
        Rows rows;
        if (decode_answer(bytes, rows)) {
            EXPECT_EQ(encode_answer(rows), bytes);
        }
    }
}

}  // namespace
}  // namespace vmq::launcher
