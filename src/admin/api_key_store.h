// The API keys of this node: what is kept of them, in memory and in a file, and who is let in.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/commands/api_keys.h"
#include "base/clock.h"
#include "base/result.h"

namespace vmq::admin {

/// When a fact became so: the later one about the same id holds, of two at the same time that of
/// the node whose name is greater, on whatever node they meet.
struct ApiKeyStamp {
    std::int64_t millis = 0;  // since 1970; never smaller than that of the fact before
    std::string node;

    friend auto operator<=>(const ApiKeyStamp&, const ApiKeyStamp&) = default;
};

/// How a key is recognised. Keys of our own making are random, so one round is enough; those that
/// people think of go through many.
struct ApiKeyHash {
    std::uint32_t rounds = 1;  // 1: SHA-256 of salt and key; else that many of PBKDF2
    std::string salt;
    std::string digest;
};

/// All that is known of one key, or that there is none of this id any more.
struct ApiKeyFact {
    std::string id;  // chosen at random, never used again
    ApiKeyStamp stamp;
    bool deleted = false;  // then nothing below means anything
    std::string start;     // what it begins with: at most a quarter of it, for people
    commands::ApiScope scope = commands::ApiScope::Mgmt;
    std::optional<WallSeconds> expires;
    ApiKeyHash hash;

    /// As `api-key show` calls it.
    [[nodiscard]] std::string name() const { return start + "*" + id; }
};

struct ApiKeyRules {
    std::size_t min_length = 0;
    std::optional<std::int64_t> max_days;  // of a key that expires
    std::uint32_t rounds = 100'000;        // for keys that people choose
};

/// Any thread. Facts are few (kMaxApiKeys); each change replaces all of them and the file at once,
/// so that readers see the one or the other.
class ApiKeyStore final : public commands::ApiKeys {
public:
    using Clock = std::function<std::int64_t()>;  // milliseconds since 1970

    /// `path`: empty keeps keys in memory only. Its folder is made when it is needed. A file that
    /// cannot be understood is left alone: then there are no keys and none can be made, problem()
    /// says why. `node` goes into stamps.
    ApiKeyStore(std::string path, std::string node, ApiKeyRules rules, Clock clock = now_millis);
    ~ApiKeyStore() override;

    [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

    /// For keys that are made from now on.
    void set_rules(ApiKeyRules rules);

    // commands::ApiKeys
    [[nodiscard]] Result<std::string> create(commands::ApiScope scope,
                                             std::optional<WallSeconds> expires) override;
    [[nodiscard]] Result<void> add(const std::string& key, commands::ApiScope scope,
                                   std::optional<WallSeconds> expires) override;
    [[nodiscard]] Result<void> remove(const std::string& key, commands::ApiScope scope) override;
    [[nodiscard]] std::vector<commands::ApiKeyView> all() override;

    enum class Outcome : std::uint8_t { Granted, Refused, Unknown };
    struct Verdict {
        Outcome outcome = Outcome::Refused;
        std::string name;  // of the key, if granted
    };
    /// Whether `key` opens `scope` now. Takes microseconds: of keys that people choose it knows
    /// those that check() has found good and that were used within kRememberKey, and some that it
    /// has found to be none. Unknown: check() has to find out.
    [[nodiscard]] Verdict look_up(std::string_view key, commands::ApiScope scope) const;
    /// Never Unknown. Takes as long as the slowest hash, some 30 ms, and remembers the answer for
    /// look_up(): a good key until it is deleted or changed, what is none until any key changes.
    [[nodiscard]] Verdict check(std::string_view key, commands::ApiScope scope) const;

    // For those who bring the keys of other nodes.
    /// Those that hold and those that were deleted lately.
    [[nodiscard]] std::vector<ApiKeyFact> facts() const;
    /// Takes over each that is news.
    [[nodiscard]] Result<void> merge(const std::vector<ApiKeyFact>& others);
    /// Deletes the keys of these ids: nobody else knows them any more.
    [[nodiscard]] Result<void> forget(const std::vector<std::string>& ids);
    /// False: it was deleted or has expired so long ago that nobody has to hear of it.
    [[nodiscard]] bool is_needed(const ApiKeyFact& fact) const;
    /// Called after each create(), add() and remove() that has changed something, by the thread
    /// that did. Null: nobody. Returns when no earlier one is being called.
    void on_change(std::function<void()> told);

    [[nodiscard]] static std::int64_t now_millis();

private:
    struct State;

    [[nodiscard]] Result<void> put(const std::string& key, commands::ApiScope scope,
                                   std::optional<WallSeconds> expires, std::uint32_t rounds);
    [[nodiscard]] Result<void> replace(std::vector<ApiKeyFact> facts);
    [[nodiscard]] Result<void> mark_deleted(const std::vector<std::string>& ids);
    void tell() const;
    [[nodiscard]] ApiKeyStamp next_stamp() const;
    [[nodiscard]] ApiKeyRules rules() const;
    [[nodiscard]] bool in_range(std::optional<WallSeconds> expires) const;

    const std::string path_;
    const std::string node_;
    const Clock clock_;
    std::string problem_;
    const std::unique_ptr<State> state_;
};

/// The text of the file, and back; an Error says what is wrong with it.
[[nodiscard]] std::string api_keys_to_json(const std::vector<ApiKeyFact>& facts);
[[nodiscard]] Result<std::vector<ApiKeyFact>> api_keys_from_json(std::string_view text);

}  // namespace vmq::admin
