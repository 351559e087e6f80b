#include "logging/record.h"

#include <gtest/gtest.h>

#include <string>

namespace vmq::logging {
namespace {

TEST(Record, ComesOutAsItWentIn) {
    const log::Field fields[] = {{"client_id", "a"}, {"keep_alive", 60U}, {"clean_start", false}};
    const log::Place place(std::source_location::current(), log::Module::Store);
    std::string bytes;
    append_record(bytes, {log::Level::Error, place, "first", fields}, 42, 7);
    append_record(bytes, {log::Level::Debug, place, "", {}}, 43, 8);
    std::string_view left = bytes;
    EXPECT_EQ(count_records(left), 2U);
    Record record;
    take_record(left, record);
    EXPECT_EQ(record.time_us, 42);
    EXPECT_EQ(record.thread, 7);
    EXPECT_EQ(record.level, log::Level::Error);
    EXPECT_EQ(record.place.module, log::Module::Store);
    EXPECT_EQ(record.place.line, place.line);
    EXPECT_EQ(record.text, "first");
    ASSERT_EQ(record.fields.size(), 3U);
    EXPECT_EQ(record.fields[0].name, "client_id");
    EXPECT_EQ(record.fields[0].text, "a");
    EXPECT_EQ(record.fields[1].number, 60U);
    EXPECT_EQ(record.fields[2].kind, log::Field::Kind::Flag);
    take_record(left, record);
    EXPECT_EQ(record.text, "");
    EXPECT_TRUE(record.fields.empty());
    EXPECT_TRUE(left.empty());
}

TEST(Record, FieldsAreCut) {
    const std::string longest(log::kLongestText, 'x');
    const std::string longer = longest + 'y';
    const log::Field fields[] = {{"a", longest}, {"b", longer}};
    const log::Line line{log::Level::Info, {}, longer, fields};
    std::string bytes;
    append_record(bytes, line, 0, 0);
    EXPECT_LE(bytes.size(), packed_size(line));
    std::string_view left = bytes;
    Record record;
    take_record(left, record);
    EXPECT_EQ(record.text, longest);
    EXPECT_EQ(record.fields[0].text, longest);
    EXPECT_EQ(record.fields[1].text, longest);
}

}  // namespace
}  // namespace vmq::logging
