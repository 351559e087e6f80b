// The frames of the handshake: who greets, and why not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/node_identity.h"

namespace vmq::cluster {

/// Versions of the protocol that a node can speak, both included.
struct VersionRange {
    std::uint16_t lowest = 0;
    std::uint16_t highest = 0;

    bool operator==(const VersionRange&) const noexcept = default;
};
/// What this program speaks.
inline constexpr VersionRange kProtocolVersions{1, 1};

/// The longest frame of a handshake, whatever was configured.
inline constexpr std::uint32_t kLongestHandshakeFrame = 4096;

/// Join: the initiator wants to become a member; the acceptor answers with all members.
enum class LinkKind : std::uint8_t { Control = 1, Data = 2, Join = 3 };

using Nonce = std::array<std::uint8_t, 32>;

/// The first frame of either side. Beyond the versions, what stands in it may grow: what is behind
/// the fields known here is ignored, and signed all the same.
struct Hello {
    VersionRange versions;
    LinkKind kind = LinkKind::Control;
    std::uint16_t shard = 0;  // of the initiator, for data links
    std::string node;
    Incarnation incarnation;
    Boot boot{};
    Nonce nonce{};
    std::uint16_t port = 0;  // of its own clustering listener, 0: it has none
    bool port_has_tls = false;
    std::string expected_node;        // whom it expects to reach, empty: whoever is there
    std::uint32_t longest_frame = 0;  // that it takes once they agreed
};

/// Requires valid node names.
void append_hello(const Hello& hello, std::string& out);

enum class HelloStatus : std::uint8_t {
    Complete,
    OtherProtocol,  // does not begin as a Hello of any version does
    OtherVersions,  // `versions` are known and have none of `own`; the rest was not read
    Malformed,
};
[[nodiscard]] HelloStatus decode_hello(std::string_view body, VersionRange own, Hello& hello);

/// Why a link is not made. The numbers never change their meaning.
enum class RefusalCode : std::uint8_t {
    BadCookie = 1,
    Version = 2,
    NotMember = 3,
    Left = 4,       // the node that is spoken to has left the cluster
    Self = 5,       // a node talks to itself
    WrongName = 6,  // another node was expected
    Duplicate = 7,  // there is such a link already
    ShuttingDown = 8,
    Busy = 9,
    Protocol = 10,
    NameTaken = 11,  // two nodes have one name
};
/// "bad_cookie"; "refused" for a code of a later version.
[[nodiscard]] std::string_view refusal_name(RefusalCode code) noexcept;

struct Refusal {
    RefusalCode code{};
    /// For the operators of both nodes: names them and says what to do.
    std::string text;
};
inline constexpr std::size_t kLongestRefusalText = 1024;

/// What does not fit is cut off.
void append_refused(const Refusal& refusal, std::string& out);
/// The text is made fit to be shown: visible ASCII, and no more than kLongestRefusalText.
[[nodiscard]] bool decode_refused(std::string_view body, Refusal& refusal);

void append_welcome(std::uint16_t version, std::string& out);
[[nodiscard]] bool decode_welcome(std::string_view body, std::uint16_t& version) noexcept;

}  // namespace vmq::cluster
