// A fact: what the latest of all nodes has said about one thing.
#pragma once

#include <boost/intrusive/set_hook.hpp>
#include <boost/intrusive/unordered_set_hook.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/stamp.h"
#include "mqtt/message.h"

namespace vmq::cluster {

/// What facts are about. The numbers are on the wire and on disk and never change their meaning;
/// those of a later version are kept and passed on unread.
enum class FactKind : std::uint8_t {
    Member = 1,        // node name -> Member
    Retained = 2,      // retained_key() -> message
    Setting = 3,       // name of a cluster-wide setting -> value
    ApiKey = 4,        // key id -> its hash, scopes, expiry
    SessionOwner = 5,  // mountpoint and client id -> node, epoch
    WillsDone = 6,     // node -> which of its clients' wills others have published
};
/// Kinds are 1 to 15.
inline constexpr std::size_t kFactKinds = 16;
/// For logs and metrics: "member", "retained", "setting", "api_key", "session_owner",
/// "wills_done", "unknown".
[[nodiscard]] std::string_view word_of(FactKind kind) noexcept;

/// A fact as somebody says it: the strings are the caller's.
struct FactParts {
    FactKind kind{};
    std::string_view key;
    Stamp stamp;
    bool deleted = false;
    std::string_view value;    // empty for deleted ones and for messages
    mqtt::MessagePtr message;  // of FactKind::Retained, null if deleted
};

/// The key of a retained message. Neither part holds a zero byte.
[[nodiscard]] std::string retained_key(std::string_view mountpoint, std::string_view topic);
struct RetainedKey {
    std::string_view mountpoint;
    std::string_view topic;
};
/// Requires a key made by retained_key(); the codec lets no other in.
[[nodiscard]] RetainedKey split_retained_key(std::string_view key) noexcept;

/// A fact as the FactMap keeps it, in one allocation. Owned by the map, used on its thread; what is
/// read here is valid until the map changes.
///
/// The hooks hold it in the table of its kind and in the order of its writer's stamps.
class Fact final : public boost::intrusive::set_base_hook<boost::intrusive::optimize_size<false>>,
                   public boost::intrusive::unordered_set_base_hook<> {
public:
    Fact(const Fact&) = delete;
    Fact& operator=(const Fact&) = delete;

    [[nodiscard]] FactKind kind() const noexcept { return kind_; }
    [[nodiscard]] std::string_view key() const noexcept { return {bytes(), key_size_}; }
    [[nodiscard]] Stamp stamp() const noexcept { return {time_, writer_}; }
    [[nodiscard]] HybridTime time() const noexcept { return time_; }
    [[nodiscard]] WriterNumber writer() const noexcept { return writer_; }
    [[nodiscard]] bool deleted() const noexcept { return deleted_; }
    /// Empty for deleted facts and for messages.
    [[nodiscard]] std::string_view value() const noexcept {
        return {bytes() + key_size_, value_size_};
    }
    /// Null but for retained messages.
    [[nodiscard]] const mqtt::MessagePtr& message() const noexcept { return message_; }

    /// Views of all of it.
    [[nodiscard]] FactParts parts() const {
        return {kind_, key(), stamp(), deleted_, value(), message_};
    }
    /// Bytes of memory, without the message, which the retained index holds as well.
    [[nodiscard]] std::size_t footprint() const noexcept {
        return sizeof(Fact) + key_size_ + value_size_;
    }
    /// About how many bytes it takes to send it.
    [[nodiscard]] std::size_t wire_size() const noexcept;

private:
    friend class FactMap;

    explicit Fact(const FactParts& parts) noexcept;
    ~Fact() = default;

    [[nodiscard]] static Fact* make(const FactParts& parts);
    static void destroy(Fact* fact) noexcept;
    [[nodiscard]] const char* bytes() const noexcept {
        return reinterpret_cast<const char*>(this) + sizeof(Fact);
    }

    HybridTime time_;
    mqtt::MessagePtr message_;
    WriterNumber writer_;
    std::uint32_t key_size_;
    std::uint32_t value_size_;
    FactKind kind_;
    bool deleted_;
    bool confirmed_ = false;  // the node that is caught up with knows its key
};

}  // namespace vmq::cluster
