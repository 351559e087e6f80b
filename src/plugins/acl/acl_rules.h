// Who may publish and subscribe to what: the rules of one ACL file, ready to be asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mqtt/topic.h"
#include "plugins/acl/level_tree.h"

namespace vmq::plugins::acl {

/// In VerneMQ's words: to read is to subscribe, to write is to publish.
enum class Access : std::uint8_t { Read, Write };

struct Rule {
    enum class Applies : std::uint8_t {
        ToEveryone,  // a topic line before the first user line
        ToUser,      // one behind it
        AsPattern,   // to everyone, with %u, %c and %m replaced
    };
    Applies applies = Applies::ToEveryone;
    std::string username;  // ToUser
    bool read = true;
    bool write = true;
    std::string topic;
    std::uint32_t line = 1;

    /// Whether it grants the same to the same; the line does not matter.
    [[nodiscard]] bool same_as(const Rule& other) const noexcept;
    /// `user alice: topic read a/b`.
    [[nodiscard]] std::string text() const;
};

/// Whether `topic` can be that of a rule: what can be subscribed to, and `$share/GROUP/FILTER`
/// where the group may be '+'.
[[nodiscard]] bool is_valid_rule_topic(std::string_view topic) noexcept;

/// Views live as long as the call they are given to.
struct Identity {
    std::string_view mountpoint;
    std::string_view client_id;
    std::optional<std::string_view> username;
};

/// Why something is allowed: the number of a line that grants it, or 0, nothing does.
struct Grant {
    std::uint32_t line = 0;
    explicit operator bool() const noexcept { return line != 0; }
};

/// Immutable, so all shards share one without a lock. Everything that no rule grants is refused;
/// there is no rule that takes away. The cost of a question depends on the levels asked about and
/// on how many rules with wildcards lie on the way, not on the number of rules.
///
/// A filter is granted if one rule grants every topic that it matches: `a/+` grants `a/+` and
/// `a/b`, not `a/#`. As in MQTT a wildcard in a rule's first level does not grant topics that begin
/// with '$', nor does a name put in for %u, %c or %m there: a client must not become "$SYS" by
/// taking its name. Elsewhere such a name stands for itself, so '+', '#' or '/' in it widen
/// nothing.
class AclRules final {
public:
    struct Options {
        /// As VerneMQ: wildcards in the first level grant `$SYS/...` as well.
        bool wildcards_grant_dollar_topics = false;
    };

    AclRules() : AclRules(std::vector<Rule>{}, Options()) {}
    /// Requires valid topics.
    AclRules(std::vector<Rule> rules, Options options);
    AclRules(const AclRules&) = delete;
    AclRules& operator=(const AclRules&) = delete;

    /// Requires a valid topic name.
    [[nodiscard]] Grant may_publish(const Identity& who, std::string_view topic) const noexcept;

    /// Requires a valid filter. `$share/GROUP/FILTER` is granted if FILTER is, or by a rule for
    /// shared subscriptions only, written the same way.
    [[nodiscard]] Grant may_subscribe(const Identity& who, std::string_view filter) const noexcept;

    /// A rule grants everybody everything, so there is nothing to ask.
    [[nodiscard]] bool grant_everything() const noexcept { return grant_everything_; }

    /// In the order of the file.
    [[nodiscard]] const std::vector<Rule>& rules() const noexcept { return rules_; }

private:
    struct Question;

    void add(const Rule& rule);
    [[nodiscard]] LevelTree::NodeId root_of(const Rule& rule);
    template <typename Ask>
    [[nodiscard]] Grant first_grant(const Identity& who, Ask ask) const noexcept;
    [[nodiscard]] Grant covers(const Question& question, LevelTree::NodeId node,
                               mqtt::LevelCursor levels, bool first) const noexcept;
    [[nodiscard]] Grant covers_shared(const Question& question, LevelTree::NodeId root,
                                      const mqtt::SharedFilter& shared) const noexcept;
    template <typename GoOn>
    [[nodiscard]] Grant below(const Question& question, LevelTree::NodeId node,
                              std::string_view level, bool first, GoOn go_on) const noexcept;
    [[nodiscard]] bool hidden(std::string_view level, bool first) const noexcept;

    std::vector<Rule> rules_;
    Options options_;
    LevelTree tree_;
    LevelTree::NodeId everyone_;
    LevelTree::NodeId users_;  // its children are the roots of the users
    LevelTree::NodeId patterns_;
    bool grant_everything_ = false;
};

}  // namespace vmq::plugins::acl
