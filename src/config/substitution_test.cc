#include "config/substitution.h"

#include <gtest/gtest.h>

#include <map>

namespace vmq::config {
namespace {

class SubstitutionTest : public ::testing::Test {
protected:
    Result<Expanded> expand(const std::string& key) {
        Substitution substitution(files_, "/etc",
                                  [this](const std::string& name) -> std::optional<std::string> {
                                      const auto found = values_.find(name);
                                      if (found == values_.end()) return std::nullopt;
                                      return found->second;
                                  });
        return substitution.expand(key, values_[key]);
    }
    std::string text_of(const std::string& key) {
        const auto expanded = expand(key);
        return expanded ? expanded.value().text : "error: " + expanded.error().detail;
    }

    MemoryFiles files_;
    std::map<std::string, std::string> values_;
};

TEST_F(SubstitutionTest, LeavesTextWithoutReferencesAlone) {
    values_ = {{"a", "x $ y ) $(open"}, {"b", ""}};
    EXPECT_EQ(text_of("a"), "x $ y ) $(open");
    EXPECT_EQ(text_of("b"), "");
}

TEST_F(SubstitutionTest, FillsInOtherKeysSeveralTimesAndInTurn) {
    values_ = {{"a", "<$(b)|$(c.d)>"}, {"b", "1$(c.d)"}, {"c.d", "2"}};
    EXPECT_EQ(text_of("a"), "<12|2>");
    EXPECT_FALSE(expand("a").value().from_environment);
}

TEST_F(SubstitutionTest, PrefersAKeyToAnEnvironmentVariable) {
    values_ = {{"a", "$(b)$(HOME)"}, {"b", "key"}};
    files_.variables = {{"b", "env"}, {"HOME", "/h"}};
    EXPECT_EQ(text_of("a"), "key/h");
    EXPECT_TRUE(expand("a").value().from_environment);
}

TEST_F(SubstitutionTest, TakesTheEnvironmentAsItIs) {
    values_ = {{"a", "$(X)"}, {"b", "1"}};
    files_.variables = {{"X", "$(b)"}};
    EXPECT_EQ(text_of("a"), "$(b)");
}

TEST_F(SubstitutionTest, ReportsANameThatIsNothing) {
    values_ = {{"a", "$(nope)"}};
    EXPECT_EQ(text_of("a"),
              "error: $(nope) is neither a setting with a value nor an environment variable");
}

TEST_F(SubstitutionTest, ReportsACircle) {
    values_ = {{"a", "$(b)"}, {"b", "x$(c)"}, {"c", "$(a)"}, {"self", "$(self)"}};
    EXPECT_EQ(text_of("a"), "error: refers to itself: a -> b -> c -> a");
    EXPECT_EQ(text_of("self"), "error: refers to itself: self -> self");
}

TEST_F(SubstitutionTest, ReadsAFileSeenFromTheMainFile) {
    values_ = {{"a", "$(<secret)"}, {"b", "$(<gone)"}, {"c", "pre$(a)"}};
    files_.files = {{"/etc/secret", "pass $(x)\n"}};
    EXPECT_EQ(text_of("a"), "pass $(x)");
    EXPECT_EQ(text_of("b"), "error: /etc/gone does not exist");
    EXPECT_EQ(text_of("c"), "prepass $(x)");
}

TEST_F(SubstitutionTest, StripsOneNewlineOfAFile) {
    values_ = {{"a", "$(<f)"}};
    files_.files = {{"/etc/f", "x\n\n"}};
    EXPECT_EQ(text_of("a"), "x\n");
    files_.files = {{"/etc/f", "x\r\n"}};
    EXPECT_EQ(text_of("a"), "x");
}

TEST_F(SubstitutionTest, IsBoundedInDepthStepsAndSize) {
    for (int i = 0; i < 40; ++i) {
        values_["d" + std::to_string(i)] = "$(d" + std::to_string(i + 1) + ")";
        const std::string next = "$(e" + std::to_string(i + 1) + ")";
        values_["e" + std::to_string(i)] = next + next;
    }
    values_["d40"] = values_["e20"] = "";
    EXPECT_EQ(text_of("d10"), "");
    EXPECT_EQ(text_of("d0"),
              "error: holds too many references: at most 32 within each other and 10000 in all");
    EXPECT_EQ(text_of("e0"),
              "error: holds too many references: at most 32 within each other and 10000 in all");
    values_["e20"] = std::string(1024, 'x');
    EXPECT_EQ(text_of("e10").size(), 1024U * 1024U);
    EXPECT_EQ(text_of("e9"), "error: grows beyond 1048576 bytes when expanded");
}

}  // namespace
}  // namespace vmq::config
