#include "plugins/acl/acl_rules.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "base/assert.h"

namespace vmq::plugins::acl {

using NodeId = LevelTree::NodeId;
using Special = LevelTree::Special;

namespace {

constexpr NodeId kNone = LevelTree::kNone;
constexpr std::string_view kShareLevel = "$share";
constexpr std::string_view kSharePrefix = "$share/";

struct Placeholder {
    std::string_view text;
    Special level;
};
constexpr std::array<Placeholder, 3> kPlaceholderLevels{
    {{"%u", Special::Username}, {"%c", Special::ClientId}, {"%m", Special::Mountpoint}}};

constexpr std::size_t index_of(Access access) noexcept { return static_cast<std::size_t>(access); }

std::optional<std::string_view> value_of(const Identity& who, Special level) noexcept {
    switch (level) {
        case Special::Username:
            return who.username;
        case Special::ClientId:
            return who.client_id;
        case Special::Mountpoint:
            return who.mountpoint;
        case Special::Any:
        case Special::Count:
            break;
    }
    return std::nullopt;
}

/// The same filter in the form that is compared level by level: every topic has a first level.
std::string_view spelled_out(std::string_view filter) noexcept {
    return filter == "#" ? "+/#" : filter;
}

}  // namespace

bool Rule::same_as(const Rule& other) const noexcept {
    return applies == other.applies && read == other.read && write == other.write &&
           topic == other.topic && username == other.username;
}

std::string Rule::text() const {
    std::string text;
    if (applies == Applies::ToUser) text = "user " + username + ": ";
    text += applies == Applies::AsPattern ? "pattern " : "topic ";
    if (read != write) text += read ? "read " : "write ";
    return text + topic;
}

bool is_valid_rule_topic(std::string_view topic) noexcept {
    if (!topic.starts_with(kSharePrefix)) return mqtt::is_valid_topic_filter(topic);
    std::string_view rest = topic.substr(kSharePrefix.size());
    if (!rest.starts_with("+/")) return mqtt::is_valid_topic_filter(topic);
    rest.remove_prefix(2);
    return mqtt::is_valid_topic_filter(rest);
}

/// What does not change while the tree is walked.
struct AclRules::Question {
    const Identity& who;
    std::size_t access;
};

AclRules::AclRules(std::vector<Rule> rules, Options options)
    : rules_(std::move(rules)),
      options_(options),
      everyone_(tree_.add_root()),
      users_(tree_.add_root()),
      patterns_(tree_.add_root()) {
    for (const Rule& rule : rules_) add(rule);
    grant_everything_ = options_.wildcards_grant_dollar_topics &&
                        std::any_of(rules_.begin(), rules_.end(), [](const Rule& rule) {
                            return rule.applies == Rule::Applies::ToEveryone && rule.read &&
                                   rule.write && rule.topic == "#";
                        });
}

NodeId AclRules::root_of(const Rule& rule) {
    switch (rule.applies) {
        case Rule::Applies::ToEveryone:
            return everyone_;
        case Rule::Applies::ToUser:
            return tree_.add(users_, rule.username);
        case Rule::Applies::AsPattern:
            break;
    }
    return patterns_;
}

void AclRules::add(const Rule& rule) {
    VMQ_ASSERT(is_valid_rule_topic(rule.topic) && rule.line != 0);
    NodeId node = root_of(rule);
    bool goes_on = false;
    for (mqtt::LevelCursor levels(rule.topic); !levels.done();) {
        const std::string_view level = levels.next();
        const auto* placeholder =
            std::find_if(kPlaceholderLevels.begin(), kPlaceholderLevels.end(),
                         [level](const Placeholder& known) { return known.text == level; });
        if (level == "#") {
            goes_on = true;
        } else if (level == "+") {
            node = tree_.add(node, Special::Any);
        } else if (rule.applies == Rule::Applies::AsPattern &&
                   placeholder != kPlaceholderLevels.end()) {
            node = tree_.add(node, placeholder->level);
        } else {
            node = tree_.add(node, level);
        }
    }
    auto& lines = goes_on ? tree_.at(node).goes_on : tree_.at(node).ends;
    const auto note = [&](Access access) {
        std::uint32_t& line = lines[index_of(access)];
        if (line == 0) line = rule.line;
    };
    if (rule.read) note(Access::Read);
    if (rule.write) note(Access::Write);
}

Grant AclRules::may_publish(const Identity& who, std::string_view topic) const noexcept {
    const Question question{who, index_of(Access::Write)};
    return first_grant(
        who, [&](NodeId root) { return covers(question, root, mqtt::LevelCursor(topic), true); });
}

Grant AclRules::may_subscribe(const Identity& who, std::string_view filter) const noexcept {
    const Question question{who, index_of(Access::Read)};
    const auto shared = mqtt::parse_shared_filter(filter);
    const std::string_view levels = spelled_out(shared ? shared->filter : filter);
    return first_grant(who, [&](NodeId root) {
        const Grant grant = covers(question, root, mqtt::LevelCursor(levels), true);
        return grant || !shared ? grant : covers_shared(question, root, {shared->group, levels});
    });
}

/// In VerneMQ's order: rules for everyone, for the user, patterns.
template <typename Ask>
Grant AclRules::first_grant(const Identity& who, Ask ask) const noexcept {
    if (const Grant grant = ask(everyone_)) return grant;
    if (who.username) {
        const NodeId user = tree_.child(users_, *who.username);
        if (user != kNone) {
            if (const Grant grant = ask(user)) return grant;
        }
    }
    return ask(patterns_);
}

/// Whether a rule below `node` grants every topic that `levels` matches. A '+' that is asked about
/// is granted by '+' and '#' only, a '#' by '#' only.
Grant AclRules::covers(const Question& question, NodeId node, mqtt::LevelCursor levels,
                       bool first) const noexcept {
    const std::string_view level = levels.next();
    const std::uint32_t line = tree_.at(node).goes_on[question.access];
    if (line != 0 && !hidden(level, first)) return {line};
    return below(question, node, level, first, [&](NodeId child) -> Grant {
        if (!levels.done()) return covers(question, child, levels, false);
        const LevelTree::Node& last = tree_.at(child);
        const std::uint32_t end = last.ends[question.access];
        return {end != 0 ? end : last.goes_on[question.access]};
    });
}

/// Rules that are written as shared subscriptions. The filter in them begins anew: it has a first
/// level of its own.
Grant AclRules::covers_shared(const Question& question, NodeId root,
                              const mqtt::SharedFilter& shared) const noexcept {
    const NodeId node = tree_.child(root, kShareLevel);
    if (node == kNone) return {};
    return below(question, node, shared.group, false, [&](NodeId group) {
        return covers(question, group, mqtt::LevelCursor(shared.filter), true);
    });
}

/// Asks `go_on` about the children of `node` that grant all of one level, until one does.
template <typename GoOn>
Grant AclRules::below(const Question& question, NodeId node, std::string_view level, bool first,
                      GoOn go_on) const noexcept {
    const auto ask = [&go_on](NodeId child) { return child == kNone ? Grant() : go_on(child); };
    if (level == "#") return {};
    if (level != "+") {
        if (const Grant grant = ask(tree_.child(node, level))) return grant;
        // Nobody gets at `$SYS` or `$share` by taking that name.
        if (!first || !level.starts_with('$')) {
            for (const Placeholder& placeholder : kPlaceholderLevels) {
                const NodeId child = tree_.child(node, placeholder.level);
                if (child == kNone || value_of(question.who, placeholder.level) != level) continue;
                if (const Grant grant = go_on(child)) return grant;
            }
        }
    }
    return hidden(level, first) ? Grant() : ask(tree_.child(node, Special::Any));
}

/// [v5 MQTT-4.7.2-1]
bool AclRules::hidden(std::string_view level, bool first) const noexcept {
    return first && level.starts_with('$') && !options_.wildcards_grant_dollar_topics;
}

}  // namespace vmq::plugins::acl
