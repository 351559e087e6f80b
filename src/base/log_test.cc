#include "base/log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vmq::log {
/// Knows whether it was formatted.
struct Noticing {
    bool* formatted;
};
}  // namespace vmq::log

template <>
struct fmt::formatter<vmq::log::Noticing> {
    constexpr auto parse(format_parse_context& context) { return context.begin(); }
    auto format(const vmq::log::Noticing& value, format_context& context) const {
        *value.formatted = true;
        return context.out();
    }
};

namespace vmq::log {
namespace {

class Kept final : public Output {
public:
    Kept() { set_output(this); }
    ~Kept() override {
        set_output(nullptr);
        set_level(Level::Info);
    }
    void write(const Line& line) noexcept override {
        texts.emplace_back(line.text);
        places.push_back(line.place);
        for (const Field& field : line.fields) names.emplace_back(field.name);
    }

    std::vector<std::string> texts;
    std::vector<Place> places;
    std::vector<std::string> names;
};

TEST(Log, KnowsTheModuleOfASourceFile) {
    static_assert(module_of("/usr/src/a/src/broker/connection.cc") == Module::Broker);
    static_assert(module_of("../../src/plugins/acl/acl_file.cc") == Module::Plugins);
    static_assert(module_of("src/transport/tls.cc") == Module::Transport);
    static_assert(module_of("apps/vernemq/run.cc") == Module::Node);
    static_assert(module_of("src/nowhere/x.cc") == Module::Node);
    static_assert(module_of("/resrc/broker/x.cc") == Module::Node);
    static_assert(module_of("") == Module::Node);
}

TEST(Log, NamesOfModulesLeadToThem) {
    for (std::size_t i = 0; i < kModules; ++i) {
        EXPECT_EQ(module_named(kModuleNames[i]), static_cast<Module>(i));
    }
    EXPECT_EQ(module_named("nowhere"), std::nullopt);
    EXPECT_EQ(name_of(Module::Transport), "transport");
    EXPECT_EQ(name_of(Level::Emergency), "emergency");
}

TEST(Log, ALineKnowsWhereItComesFrom) {
    Kept kept;
    notice("client {} connected", "a");
    const auto line = static_cast<std::uint32_t>(__LINE__) - 1;
    EXPECT_EQ(kept.texts, std::vector<std::string>{"client a connected"});
    EXPECT_EQ(kept.places.at(0).line, line);
    EXPECT_TRUE(std::string_view(kept.places.at(0).file).ends_with("log_test.cc"));
}

TEST(Log, LeavesOutWhatIsBelowTheLevelOfItsModule) {
    Kept kept;
    const Place store(std::source_location::current(), Module::Store);
    const Place broker(std::source_location::current(), Module::Broker);
    set_level(Level::Warning);
    set_level(Module::Store, Level::Debug);
    event(Level::Debug, store, {}, "of {}", "store");
    event(Level::Notice, broker, {}, "of broker");
    event(Level::Warning, broker, {}, "warning of broker");
    EXPECT_EQ(kept.texts, (std::vector<std::string>{"of store", "warning of broker"}));
    set_level(Level::Off);
    event(Level::Emergency, store, {}, "nobody wants it");
    EXPECT_EQ(kept.texts.size(), 2U);
}

TEST(Log, WhatIsLeftOutIsNotFormatted) {
    const Kept kept;
    set_level(Level::Error);
    bool formatted = false;
    info("{}", Noticing{&formatted});
    EXPECT_FALSE(formatted);
    set_level(Level::Info);
    info("{}", Noticing{&formatted});
    EXPECT_TRUE(formatted);
}

TEST(Log, FieldsGoWithTheLine) {
    Kept kept;
    const Field fields[] = {{"client_id", "a"}, {"keep_alive", 5U}, {"clean_start", true}};
    event(Level::Info, Place(std::source_location::current()), fields, "text");
    EXPECT_EQ(kept.names, (std::vector<std::string>{"client_id", "keep_alive", "clean_start"}));
    EXPECT_EQ(fields[1].kind, Field::Kind::Number);
    EXPECT_EQ(fields[2].kind, Field::Kind::Flag);
}

TEST(Log, TooLongATextIsCut) {
    Kept kept;
    info("{}", std::string(kLongestText, 'x'));
    info("{}", std::string(kLongestText + 1, 'x'));
    EXPECT_EQ(kept.texts.at(0).size(), kLongestText);
    EXPECT_EQ(kept.texts.at(1).size(), kLongestText);
}

}  // namespace
}  // namespace vmq::log
