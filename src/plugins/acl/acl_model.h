// For tests: the meaning of ACL rules by definition, as slow and as plain as it gets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/topic.h"
#include "plugins/acl/acl_rules.h"

namespace vmq::plugins::acl::model {

struct Level {
    enum class Kind : std::uint8_t { Name, Plus, Hash, Nothing } kind;
    std::string name;
};
using Levels = std::vector<Level>;

inline std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
        if (c == '/') {
            words.emplace_back();
        } else {
            words.back() += c;
        }
    }
    return words;
}

inline std::string join(const std::vector<std::string>& words, std::size_t begin) {
    std::string text;
    for (std::size_t i = begin; i < words.size(); ++i) text += (i > begin ? "/" : "") + words[i];
    return text;
}

/// What a level of a rule stands for, for one client. `first`: of a topic.
inline Level meaning(const Rule& rule, const Identity& who, const std::string& word, bool first) {
    using Kind = Level::Kind;
    if (word == "+") return {Kind::Plus, ""};
    if (word == "#") return {Kind::Hash, ""};
    std::optional<std::string_view> name = word;
    if (rule.applies == Rule::Applies::AsPattern &&
        (word == "%u" || word == "%c" || word == "%m")) {
        name = word == "%u" ? who.username : word == "%c" ? who.client_id : who.mountpoint;
        if (!name || (first && name->starts_with('$'))) return {Kind::Nothing, ""};
    }
    return {Kind::Name, std::string(*name)};
}

inline bool matches(const Levels& rule, const std::vector<std::string>& topic) {
    using Kind = Level::Kind;
    if (topic[0].starts_with('$') && (rule[0].kind == Kind::Plus || rule[0].kind == Kind::Hash)) {
        return false;
    }
    for (std::size_t i = 0; i < rule.size(); ++i) {
        if (rule[i].kind == Kind::Hash) return true;
        if (i == topic.size() || rule[i].kind == Kind::Nothing) return false;
        if (rule[i].kind == Kind::Name && rule[i].name != topic[i]) return false;
    }
    return rule.size() == topic.size();
}

/// Whether `rule`, its levels from `begin` on, grants `topic`.
inline bool grants(const Rule& rule, const Identity& who, std::string_view topic,
                   std::size_t begin = 0) {
    if (rule.applies == Rule::Applies::ToUser && who.username != rule.username) return false;
    const std::vector<std::string> words = split(rule.topic);
    Levels levels;
    for (std::size_t i = begin; i < words.size(); ++i) {
        levels.push_back(meaning(rule, who, words[i], i == begin));
    }
    return matches(levels, split(topic));
}

inline bool may_publish(const std::vector<Rule>& rules, const Identity& who,
                        std::string_view topic) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const Rule& rule) { return rule.write && grants(rule, who, topic); });
}

/// `topics`: so many that a filter that a rule does not cover matches one that shows it.
inline bool may_subscribe(const std::vector<Rule>& rules, const Identity& who,
                          std::string_view filter, const std::vector<std::string>& topics) {
    const auto shared = mqtt::parse_shared_filter(filter);
    const std::string_view wanted = shared ? shared->filter : filter;
    const auto covers = [&](const Rule& rule, std::size_t begin) {
        return std::all_of(topics.begin(), topics.end(), [&](const std::string& topic) {
            return !mqtt::filter_matches(wanted, topic) || grants(rule, who, topic, begin);
        });
    };
    return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
        if (!rule.read) return false;
        if (covers(rule, 0)) return true;
        const std::vector<std::string> words = split(rule.topic);
        if (!shared || words[0] != "$share" || words.size() < 3) return false;
        const Level group = meaning(rule, who, words[1], false);
        const bool same_group = group.kind == Level::Kind::Plus ||
                                (group.kind == Level::Kind::Name && group.name == shared->group);
        return same_group && covers(rule, 2);
    });
}

}  // namespace vmq::plugins::acl::model
