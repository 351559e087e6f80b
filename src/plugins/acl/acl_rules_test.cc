#include "plugins/acl/acl_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "plugins/acl/acl_file.h"
#include "plugins/acl/acl_model.h"

namespace vmq::plugins::acl {
namespace {

using namespace std::string_view_literals;

/// The rules of an ACL file all of whose lines count.
class Acl {
public:
    explicit Acl(std::string_view text, AclRules::Options options = {})
        : rules_(parsed(text), options) {}

    [[nodiscard]] bool reads(std::string_view filter, const Identity& who = kAlice) const {
        return static_cast<bool>(rules_.may_subscribe(who, filter));
    }
    [[nodiscard]] bool writes(std::string_view topic, const Identity& who = kAlice) const {
        return static_cast<bool>(rules_.may_publish(who, topic));
    }
    [[nodiscard]] const AclRules& rules() const { return rules_; }

    static constexpr Identity kAlice{"mp", "client", "alice"};

private:
    static std::vector<Rule> parsed(std::string_view text) {
        AclFile file = parse_acl_file(text);
        for (const Problem& problem : file.problems) EXPECT_FALSE(problem.skipped) << text;
        return std::move(file.rules);
    }

    AclRules rules_;
};

Identity client(std::string_view client_id) { return {"", client_id, std::nullopt}; }
Identity user(std::string_view name) { return {"", "c", name}; }

TEST(AclRules, WithoutRulesNothingIsAllowed) {
    const AclRules none;
    EXPECT_FALSE(none.may_publish(Acl::kAlice, "a"));
    EXPECT_FALSE(none.may_subscribe(Acl::kAlice, "a"));
    EXPECT_FALSE(none.may_subscribe(Acl::kAlice, "#"));
}

TEST(AclRules, TellReadingFromWriting) {
    const Acl acl("topic read r\ntopic write w\ntopic both\n");
    EXPECT_TRUE(acl.reads("r") && acl.writes("w") && acl.reads("both") && acl.writes("both"));
    EXPECT_FALSE(acl.writes("r") || acl.reads("w"));
}

TEST(AclRules, NameTheLineThatGrants) {
    const Acl acl("# head\ntopic a/#\ntopic read a/b\nuser alice\ntopic x\npattern y/%c\n");
    EXPECT_EQ(acl.rules().may_publish(Acl::kAlice, "a/b").line, 2U);
    EXPECT_EQ(acl.rules().may_publish(Acl::kAlice, "x").line, 5U);
    EXPECT_EQ(acl.rules().may_publish(Acl::kAlice, "y/client").line, 6U);
    EXPECT_EQ(acl.rules().may_publish(Acl::kAlice, "z").line, 0U);
}

TEST(AclRules, OfEveryoneAlsoApplyToClientsWithAUserName) {
    const Acl acl(
        "topic all\nuser alice\ntopic hers\nuser bob\ntopic his\nuser alice\ntopic too\n");
    EXPECT_TRUE(acl.writes("all") && acl.writes("all", user("bob")) &&
                acl.writes("all", client("c")));
    EXPECT_TRUE(acl.writes("hers") && acl.writes("too") && acl.writes("his", user("bob")));
    EXPECT_FALSE(acl.writes("his") || acl.writes("hers", user("bob")) ||
                 acl.writes("hers", client("alice")) || acl.writes("hers", user("")));
}

// The vectors of VerneMQ's own matching, with what is different here.
TEST(AclRules, MatchFiltersLevelByLevel) {
    const Acl hash("topic a/#\n");
    for (const auto asked : {"a"sv, "a/b"sv, "a/b/c"sv, "a/+"sv, "a/#"sv, "a/+/b"sv, "a/+/#"sv}) {
        EXPECT_TRUE(hash.reads(asked)) << asked;
    }
    for (const auto asked : {"#"sv, "+"sv, "+/#"sv, "+/b"sv, "b"sv, "/a"sv, "ab"sv}) {
        EXPECT_FALSE(hash.reads(asked)) << asked;
    }
    const Acl plus("topic a/+\n");
    EXPECT_TRUE(plus.reads("a/b") && plus.reads("a/+") && plus.reads("a/"));
    EXPECT_FALSE(plus.reads("a/#") || plus.reads("a") || plus.reads("a/b/c") ||
                 plus.reads("a/+/+"));
    const Acl plus_hash("topic a/+/#\n");
    EXPECT_FALSE(plus_hash.reads("a/#") || plus_hash.reads("a"));
    EXPECT_TRUE(plus_hash.reads("a/+/#") && plus_hash.reads("a/b") && plus_hash.reads("a/+"));
    const Acl exact("topic a/b\n");
    EXPECT_FALSE(exact.reads("a/+") || exact.reads("a/#") || exact.reads("+/b"));
    EXPECT_FALSE(Acl("topic +/b\n").reads("#"));
    const Acl slash("topic /a\n");
    EXPECT_FALSE(slash.reads("a"));
    EXPECT_TRUE(slash.reads("/a"));
}

// Each of them covers a part; nobody has been granted the whole.
TEST(AclRules, GrantAFilterByOneRuleOnly) {
    const Acl acl("topic a\ntopic a/+/#\n");
    EXPECT_FALSE(acl.reads("a/#"));
}

TEST(AclRules, KnowThatEveryTopicHasAFirstLevel) {
    const Acl acl("topic +/#\n");
    EXPECT_TRUE(acl.reads("#") && acl.reads("a") && acl.reads("+") && acl.reads("$share/g/#"));
    EXPECT_FALSE(Acl("topic +\n").reads("#"));
}

// [v5 MQTT-4.7.2-1]
TEST(AclRules, GrantDollarTopicsByNameOnly) {
    const Acl all("topic #\ntopic +/x\n");
    EXPECT_FALSE(all.reads("$SYS/x") || all.reads("$SYS/#") || all.writes("$SYS/x"));
    EXPECT_TRUE(all.reads("#") && all.reads("a/$SYS"));
    EXPECT_TRUE(Acl("topic read $SYS/#\n").reads("$SYS/+/x"));
}

TEST(AclRules, MayGrantDollarTopicsByWildcardsAsVerneMQ) {
    const Acl all("topic #\n", {.wildcards_grant_dollar_topics = true});
    EXPECT_TRUE(all.reads("$SYS/x") && all.reads("$SYS/#") && all.reads("$share/g/t"));
    const Acl pattern("pattern %c/#\n", {.wildcards_grant_dollar_topics = true});
    EXPECT_FALSE(pattern.reads("$SYS/#", client("$SYS")));
}

TEST(AclRules, CheckASharedSubscriptionByItsFilter) {
    const Acl acl("topic a/b\n");
    EXPECT_TRUE(acl.reads("$share/g/a/b"));
    EXPECT_FALSE(acl.reads("$share/g/a/+") || acl.reads("$share/a/b"));
    EXPECT_FALSE(Acl("topic #\n").reads("$share/g/$SYS/x"));
    EXPECT_TRUE(Acl("topic #\n").reads("$share/g/#"));
}

TEST(AclRules, MayGrantSharedSubscriptionsAlone) {
    const Acl acl("topic read $share/+/a/b\ntopic read $share/g/all/#\ntopic $share/h/#\n");
    EXPECT_TRUE(acl.reads("$share/x/a/b") && acl.reads("$share/g/all/+") &&
                acl.reads("$share/h/#"));
    EXPECT_FALSE(acl.reads("a/b") || acl.reads("$share/x/all/x") || acl.reads("$share/x/a/+"));
    EXPECT_FALSE(acl.reads("$share/h/$SYS/x"));
    const Acl pattern("pattern read $share/%u/%c/#\n");
    EXPECT_TRUE(pattern.reads("$share/alice/client/#"));
    EXPECT_FALSE(pattern.reads("$share/bob/client/#") || pattern.reads("$share/alice/other/#"));
}

TEST(AclRules, ReplaceWholeLevelsOfPatterns) {
    const Acl acl("pattern %m/%u/%c\npattern read x%c\ntopic t/%c\n");
    EXPECT_TRUE(acl.rules().rules().size() == 3 && acl.writes("mp/alice/client"));
    EXPECT_TRUE(acl.reads("x%c") && acl.writes("t/%c"));
    EXPECT_FALSE(acl.reads("xclient") || acl.writes("t/client") || acl.writes("mp/alice/other"));
    EXPECT_TRUE(acl.writes("//", {"", "", ""}));  // empty names are names
    EXPECT_FALSE(acl.writes("//c", client("c"))) << "without a user name %u matches nothing";
}

TEST(AclRules, TakeWildcardsAndSlashesInNamesForThemselves) {
    const Acl acl("pattern d/%c\npattern e/%c/#\n");
    EXPECT_FALSE(acl.reads("d/+", client("+")) || acl.reads("d/x", client("+")));
    EXPECT_FALSE(acl.reads("d/#", client("#")) || acl.reads("d/x/y", client("#")) ||
                 acl.reads("d", client("#")));
    EXPECT_FALSE(acl.reads("e/+/#", client("+")) || acl.reads("e/#", client("#")));
    EXPECT_FALSE(acl.writes("d/a/b", client("a/b")) || acl.reads("e/a/b", client("a/b")) ||
                 acl.reads("e/a/#", client("a/#")));
    EXPECT_FALSE(Acl("pattern %c\n").reads("#", client("#")));
    EXPECT_FALSE(Acl("pattern %u/x\n").reads("+/x", user("+")));
}

TEST(AclRules, DoNotOpenDollarTopicsToWhoTakesTheirName) {
    const Acl acl("pattern %c/#\npattern %u/#\npattern %m/#\npattern d/%c\n");
    EXPECT_FALSE(acl.reads("$SYS/#", client("$SYS")) || acl.reads("$SYS/#", user("$SYS")));
    EXPECT_FALSE(acl.reads("$share/g/secret", client("$share")));
    EXPECT_FALSE(acl.reads("$share/g/$SYS/x", client("$SYS")));
    EXPECT_TRUE(acl.reads("d/$SYS", client("$SYS")));
}

TEST(AclRules, KnowWhatARuleMayName) {
    for (const auto topic : {"a"sv, "#"sv, "+/a/#"sv, "/"sv, "$SYS/#"sv, "$share/g/a"sv,
                             "$share/+/#"sv, "$share"sv, " a b"sv}) {
        EXPECT_TRUE(is_valid_rule_topic(topic)) << topic;
    }
    for (const auto topic :
         {""sv, "a#"sv, "#/a"sv, "a+/b"sv, "$share/"sv, "$share/g"sv, "$share/#"sv, "$share/+"sv,
          "$share/+/"sv, "$share/+/a#"sv, "$share/g+/a"sv, "a\0"sv, "\xFF"sv}) {
        EXPECT_FALSE(is_valid_rule_topic(topic)) << ::testing::PrintToString(topic);
    }
}

TEST(AclRules, AreDescribedAsInTheFile) {
    const Acl acl("topic read a\nuser alice\ntopic write b\ntopic c\npattern read d/%c\n");
    std::vector<std::string> texts;
    for (const Rule& rule : acl.rules().rules()) texts.push_back(rule.text());
    EXPECT_EQ(texts, (std::vector<std::string>{"topic read a", "user alice: topic write b",
                                               "user alice: topic c", "pattern read d/%c"}));
}

/// Random rules, identities, topics and filters out of so few words that they meet.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : random_(seed) {}

    std::uint32_t roll(std::uint32_t bound) { return random_.below(bound); }

    std::string topic(std::size_t most_levels, std::string_view any = "") {
        static const std::vector<std::string> words{"a", "b", "", "$a", "%c"};
        std::string text;
        for (std::size_t left = 1 + roll(static_cast<std::uint32_t>(most_levels)); left > 0;
             --left) {
            const std::uint32_t kind = any.empty() ? 9 : roll(10);
            if (kind == 0) return text + "#";
            text += kind < 4 ? std::string(1, any[0]) : words[roll(5)];
            if (left > 1) text += '/';
        }
        return text.empty() ? "/" : text;
    }
    std::string filter(std::size_t most_levels) {
        return (roll(4) == 0 ? "$share/" + std::string(roll(2) == 0 ? "a" : "g") + "/" : "") +
               topic(most_levels, "+");
    }

    Rule rule() {
        Rule rule;
        rule.applies = static_cast<Rule::Applies>(roll(3));
        if (rule.applies == Rule::Applies::ToUser) rule.username = name();
        rule.read = roll(3) != 0;
        rule.write = !rule.read || roll(2) == 0;
        std::string text = topic(3, "+");
        if (rule.applies == Rule::Applies::AsPattern) replace(text, "b", "%u");
        if (rule.applies == Rule::Applies::AsPattern && roll(2) == 0) replace(text, "$a", "%m");
        if (roll(4) == 0) text = "$share/" + std::string(roll(2) == 0 ? "+/" : "a/") + text;
        rule.topic = text;
        return rule;
    }

    std::string name() {
        static const std::vector<std::string> names{"a", "b",  "+",   "#",      "$a",
                                                    "",  "%c", "a/b", "$share", "a/#"};
        return names[roll(10)];
    }

private:
    static void replace(std::string& text, std::string_view word, std::string_view by) {
        std::string out;
        const auto words = model::split(text);
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (i > 0) out += '/';
            out += words[i] == word ? by : words[i];
        }
        text = out;
    }

    Random random_;
};

/// All topics of up to `depth` levels out of the words of the rules and one that no rule knows.
std::vector<std::string> all_topics(std::size_t depth) {
    static const std::vector<std::string> words{"a", "b", "", "$a", "%c", "other"};
    std::vector<std::string> topics;
    std::vector<std::string> longest{words};
    for (std::size_t level = 1;; ++level) {
        for (const std::string& topic : longest) {
            if (!topic.empty()) topics.push_back(topic);
        }
        if (level == depth) return topics;
        std::vector<std::string> longer;
        for (const std::string& topic : longest) {
            for (const std::string& word : words) {
                longer.push_back(topic);
                longer.back().append("/").append(word);
            }
        }
        longest = std::move(longer);
    }
}

TEST(AclRulesModel, AgreeWithTheDefinition) {
    constexpr std::uint64_t kSeed = 20'240'801;
    // Rules have three levels, with $share and its group five, filters three: a topic of four tells
    // them apart.
    const std::vector<std::string> topics = all_topics(4);
    Dice dice(kSeed);
    std::size_t granted = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<Rule> rules;
        for (std::uint32_t left = dice.roll(5); left > 0; --left) rules.push_back(dice.rule());
        const AclRules acl(rules, {});
        for (int question = 0; question < 12; ++question) {
            const std::string names[] = {dice.name(), dice.name(), dice.name()};
            Identity who{names[0], names[1], names[2]};
            if (dice.roll(4) == 0) who.username.reset();
            std::string asked = dice.topic(4);
            const std::string filter = dice.filter(3);
            if (!mqtt::is_valid_topic_filter(filter)) continue;
            std::string told;
            for (const Rule& rule : rules) told += rule.text() + "\n";
            const bool writes = model::may_publish(rules, who, asked);
            const bool reads = model::may_subscribe(rules, who, filter, topics);
            ASSERT_EQ(static_cast<bool>(acl.may_publish(who, asked)), writes)
                << "seed " << kSeed << " round " << round << " topic " << asked << " mountpoint "
                << names[0] << " client " << names[1] << " user " << names[2] << "\n"
                << told;
            ASSERT_EQ(static_cast<bool>(acl.may_subscribe(who, filter)), reads)
                << "seed " << kSeed << " round " << round << " filter " << filter << " mountpoint "
                << names[0] << " client " << names[1] << " user " << names[2] << "\n"
                << told;
            granted += writes ? 1U : 0U;
            granted += reads ? 1U : 0U;
        }
    }
    EXPECT_GT(granted, 300U);  // the dice are not loaded
}

}  // namespace
}  // namespace vmq::plugins::acl
