// Answers given before, so that a client that publishes to the same topics again asks no rules.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "plugins/acl/acl_rules.h"

namespace vmq::plugins::acl {

/// Remembers for whole identities (mountpoint, client id, user name) and topics whether publishing
/// is allowed. An answer depends on nothing else but the rules, so it needs no session to belong
/// to and may outlive one. An entry holds the whole key, which is compared: the hash alone proves
/// nothing, as a client could look for a topic with the hash of another.
///
/// One per shard, used on that shard only. It takes memory at the first answer and doubles it when
/// as many answers as it has room for have found none, up to kMaxMemory. Where there is no room
/// only one new answer in kPatience pushes an older one out, so a client that publishes to ever new
/// topics costs itself a look at the rules, and others little.
class DecisionCache final {
public:
    static constexpr std::size_t kFirstSets = 1024;
    static constexpr std::size_t kMaxSets = 8192;
    static constexpr std::size_t kWays = 8;
    /// Longest key, all four texts together; longer ones are not remembered.
    static constexpr std::size_t kMaxKeySize = 183;
    static constexpr std::size_t kPatience = 8;

    DecisionCache() = default;
    DecisionCache(const DecisionCache&) = delete;
    DecisionCache& operator=(const DecisionCache&) = delete;

    /// What `decide` answered for the same key, or what it answers now. Another `generation` of the
    /// rules than before makes all that was known void.
    template <typename Decide>
    [[nodiscard]] bool get(const Identity& who, std::string_view topic, std::uint64_t generation,
                           Decide decide) {
        if (generation != generation_) forget(generation);
        Key key;
        if (!pack(who, topic, key)) return decide();
        if (const auto known = find(key)) return *known;
        const bool allowed = decide();
        store(key, allowed);
        return allowed;
    }

private:
    /// The four texts behind each other; their sizes keep them apart.
    struct Key {
        std::uint64_t hash;   // not 0
        std::uint64_t sizes;  // 16 bits each; no user name: kNoUsername
        std::size_t size;
        std::array<char, kMaxKeySize> bytes;
    };
    struct alignas(64) Entry {
        std::uint64_t sizes;
        bool allowed;
        std::array<char, kMaxKeySize> bytes;
    };
    struct alignas(64) Set {
        std::array<std::uint64_t, kWays> hashes{};  // 0: free
    };

    [[nodiscard]] static bool pack(const Identity& who, std::string_view topic, Key& key) noexcept;
    [[nodiscard]] std::optional<bool> find(const Key& key) const noexcept;
    void store(const Key& key, bool allowed);
    void forget(std::uint64_t generation);
    void grow();
    [[nodiscard]] std::size_t set_of(std::uint64_t hash) const noexcept {
        return (hash >> 1U) % set_count_;
    }

    std::unique_ptr<Set[]> sets_;
    std::unique_ptr<Entry[]> entries_;  // kWays per set
    std::size_t set_count_ = 0;
    std::size_t found_no_room_ = 0;  // since it has this size
    std::uint64_t generation_ = 0;
    std::size_t turn_ = 0;  // of pushing out

public:
    static constexpr std::size_t kMaxMemory = kMaxSets * (sizeof(Set) + kWays * sizeof(Entry));
};

}  // namespace vmq::plugins::acl
