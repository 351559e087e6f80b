// Handshake: how two nodes make sure of each other before a link carries anything.
//
//   initiator                         acceptor
//     Hello  ------------------------->          versions, names
//            <-------------------------  Hello
//     Proof  ------------------------->          the cookie is known, then: may this node come in?
//            <-------------------------  Proof, Welcome
//
// Either side may say Refused instead of its next frame, and closes.
//
// A proof is HMAC(key of the cookie, role, both Hellos, channel binding). The nonces in the Hellos
// make it good for this connection only, the role makes that nobody's own proof can be sent back to
// it. The initiator proves first: a stranger who knocks is told nothing that he could try cookies
// on.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/cookie_key.h"
#include "cluster/frame_codec.h"
#include "cluster/hello.h"

namespace vmq::cluster {

/// The own node, as it introduces itself. Outlives the handshakes.
struct LocalNode {
    std::string name;
    Incarnation incarnation;
    Boot boot{};
    std::uint16_t port = 0;  // of its clustering listener, 0: it has none
    bool port_has_tls = false;
    std::uint32_t longest_frame = 0;
    VersionRange versions = kProtocolVersions;
};

/// One connection's, for either role. Owned by a link until both agree, used on its thread. Does no
/// I/O and reads no clock: frames in, frames out.
class Handshake final {
public:
    /// Asked once the peer has proven the cookie: a refusal, or nothing if it may come in. Codes:
    /// NotMember, Left, Duplicate, ShuttingDown, Busy, WrongName.
    using Judge = std::function<std::optional<Refusal>(const Hello& peer)>;

    /// What one connection brings along.
    struct Connection {
        Nonce nonce{};  // random, another one for each
        /// What the layer below has that only its two ends know and no other connection shares;
        /// empty without TLS. Has to be the same for both.
        std::string channel_binding;
        Judge judge;
    };
    /// What the initiator wants.
    struct Purpose {
        LinkKind kind = LinkKind::Control;
        std::uint16_t shard = 0;
        std::string expected_node;  // empty: whoever is there
    };

    /// The accepting side. `local` and `key` outlive the handshake.
    Handshake(const LocalNode& local, const CookieKey& key, Connection connection);
    /// The initiating side; appends its Hello to `out`.
    Handshake(const LocalNode& local, const CookieKey& key, Connection connection,
              const Purpose& purpose, std::string& out);
    Handshake(const Handshake&) = delete;
    Handshake& operator=(const Handshake&) = delete;

    enum class Status : std::uint8_t {
        Running,
        Agreed,
        RefusedHere,    // the Refused is in `out`: write it, then close
        RefusedByPeer,  // close
    };
    /// The peer's next frame. What is to be sent is appended to `out`. Requires status() Running.
    [[nodiscard]] Status receive(const Frame& frame, std::string& out);
    /// Refuses for a reason of the caller's own. Requires status() Running.
    [[nodiscard]] Status refuse(Refusal refusal, std::string& out);

    [[nodiscard]] Status status() const noexcept { return status_; }

    /// The peer's introduction. Requires Agreed (its shard, kind and expected name are then those
    /// of this link if it is the initiator).
    [[nodiscard]] const Hello& peer() const noexcept { return peer_; }
    /// Requires Agreed.
    [[nodiscard]] std::uint16_t version() const noexcept { return version_; }
    /// Of this link, whoever initiated it. Requires Agreed.
    [[nodiscard]] LinkKind kind() const noexcept { return initiator_ ? own_.kind : peer_.kind; }
    [[nodiscard]] std::uint16_t shard() const noexcept {
        return initiator_ ? own_.shard : peer_.shard;
    }

    /// Requires RefusedHere or RefusedByPeer. The text is fit for the log.
    [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
    /// Whether the peer has proven that it knows the cookie: what a stranger says is not acted on.
    [[nodiscard]] bool peer_is_proven() const noexcept { return peer_is_proven_; }
    /// The name that the peer gave, for logs: not proven, and empty before its Hello.
    [[nodiscard]] const std::string& peer_name() const noexcept { return peer_.node; }

private:
    enum class Awaited : std::uint8_t { Hello, Proof, Welcome };
    enum class Role : std::uint8_t { Initiator, Acceptor };

    void introduce(const Nonce& nonce);
    [[nodiscard]] Status on_hello(std::string_view body, std::string& out);
    [[nodiscard]] std::optional<Refusal> check_hello(std::string_view body);
    [[nodiscard]] std::optional<Refusal> check_peer() const;
    [[nodiscard]] Status on_proof(std::string_view body, std::string& out);
    [[nodiscard]] Status on_welcome(std::string_view body, std::string& out);
    [[nodiscard]] Status on_refused(std::string_view body, std::string& out);
    [[nodiscard]] Status refuse_unreadable(std::string_view what, std::string& out);
    [[nodiscard]] Refusal versions_differ() const;
    [[nodiscard]] Mac proof_of(Role role) const;
    void append_proof(std::string& out) const;

    const LocalNode& local_;
    const CookieKey& key_;
    const bool initiator_;
    Connection connection_;
    Hello own_;
    Hello peer_;
    std::string own_hello_;  // bodies as they went over the wire
    std::string peer_hello_;
    Refusal refusal_;
    std::uint16_t version_ = 0;
    Awaited awaited_ = Awaited::Hello;
    Status status_ = Status::Running;
    bool peer_is_proven_ = false;
};

}  // namespace vmq::cluster
