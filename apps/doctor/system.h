// The machine as the doctor sees it: behind an interface, so that checks are tested with bad
// machines.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "transport/tls_certificate.h"
#include "transport/tls_context.h"

namespace vmq::doctor {

struct FileFacts {
    mode_t mode = 0;  // with its type
    uid_t owner = 0;
    bool readable = false;  // for who asks
    bool writable = false;
};

struct Volume {
    std::string type;  // ext4, tmpfs, overlay, ...; "unknown 0x..." if we have no name for it
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  // for who is not root
    std::uint64_t total_files = 0;
    std::uint64_t free_files = 0;
    bool read_only = false;
};

struct FileLimit {
    std::uint64_t soft = 0;
    std::uint64_t hard = 0;
};

struct PortUse {
    enum class State : std::uint8_t { Free, Taken, NotAllowed, NoSuchAddress, Unknown };
    State state = State::Free;
    std::string holder;  // "mosquitto (pid 12)"; empty: not known, or not ours to know
};

struct Process {
    pid_t pid = 0;
    std::string name;
};

/// What the checks ask. One thread. Paths as the broker would use them, seen from the current
/// folder.
class System {
public:
    System() = default;
    System(const System&) = delete;
    System& operator=(const System&) = delete;
    virtual ~System() = default;

    /// The whole file, if it can be read and is not huge.
    [[nodiscard]] virtual std::optional<std::string> read(const std::string& path) const = 0;
    /// Nothing: it is not there, or cannot be seen.
    [[nodiscard]] virtual std::optional<FileFacts> file(const std::string& path) const = 0;
    /// Of the folder, or of the nearest above it that is there.
    [[nodiscard]] virtual std::optional<Volume> volume(const std::string& path) const = 0;
    /// Names in a folder, at most a few thousand.
    [[nodiscard]] virtual std::vector<std::string> list(const std::string& folder) const = 0;

    [[nodiscard]] virtual FileLimit file_limit() const = 0;  // of this process
    [[nodiscard]] virtual uid_t user() const = 0;
    [[nodiscard]] virtual std::string user_name(uid_t user) const = 0;
    [[nodiscard]] virtual transport::WallTime now() const = 0;
    /// Whether something keeps the clock right; nothing: it cannot be said.
    [[nodiscard]] virtual std::optional<bool> clock_synchronised() const = 0;

    [[nodiscard]] virtual PortUse port(const std::string& address, std::uint16_t port) const = 0;
    [[nodiscard]] virtual std::vector<Process> processes() const = 0;
    /// What a listener would show; an error is what it would say at start. Notices go to `notices`.
    [[nodiscard]] virtual Result<std::vector<transport::CertificateInfo>> load_tls(
        const transport::TlsOptions& options, std::vector<std::string>& notices) const = 0;
    /// Name, version in use, version built with.
    struct Library {
        std::string name, used, built;
    };
    [[nodiscard]] virtual std::vector<Library> libraries() const = 0;
};

}  // namespace vmq::doctor
