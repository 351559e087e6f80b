// One client of a script: a socket, and what came over it.
#pragma once

#include <deque>
#include <string>

#include "conformance/wire.h"

namespace vmq::conformance {

/// Owns its descriptor. The default state is unconnected.
class ScriptClient final {
public:
    ScriptClient() = default;
    ~ScriptClient() { drop(); }
    ScriptClient(const ScriptClient&) = delete;
    ScriptClient& operator=(const ScriptClient&) = delete;

    [[nodiscard]] bool connected() const noexcept { return fd_ >= 0; }
    /// Takes over a non-blocking descriptor. Requires !connected().
    void open(int fd);
    /// Closes the socket as it is; what was not looked at is forgotten.
    void drop();
    void send(std::string_view bytes) { unsent_ += bytes; }
    /// Moves bytes; true if any moved or the stream ended.
    bool exchange();

    std::string listener = "default";
    Version version = Version::V311;
    std::deque<SeenPacket> packets;  // that came and were not looked at
    std::string held;                // to be sent together with the next packet
    bool ended = false;              // the broker closed
    bool reading = true;
    std::uint16_t next_id = 60'001;  // for packets whose id the script does not care about

private:
    int fd_ = -1;
    std::string unsent_;
    std::string stream_;
};

}  // namespace vmq::conformance
