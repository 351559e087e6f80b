// The one broker of a configuration: its pid file, which is also the lock, and its control socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vmq::launcher {

struct ControlPaths {
    std::string pid_file;
    std::string socket;
};

/// Where the broker of `config_file` can have its files, in the order it tries them. The same for
/// whoever asks, so that other commands find it.
[[nodiscard]] std::vector<ControlPaths> control_paths(
    const std::optional<std::string>& config_file);

/// The broker's end: the lock and the listening socket, which somebody else serves.
/// Owned by the main thread; the files are gone when it is destroyed.
class ControlServer final {
public:
    /// Fails with AddressInUse if the broker of `config_file` runs already.
    [[nodiscard]] static Result<ControlServer> claim(const std::optional<std::string>& config_file);
    ~ControlServer();
    ControlServer(ControlServer&& other) noexcept;
    ControlServer& operator=(ControlServer&&) = delete;
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    /// Listens, non-blocking.
    [[nodiscard]] int descriptor() const noexcept { return socket_; }
    [[nodiscard]] const ControlPaths& paths() const noexcept { return paths_; }

private:
    ControlServer(ControlPaths paths, int lock, int socket) noexcept
        : paths_(std::move(paths)), lock_(lock), socket_(socket) {}
    static Result<ControlServer> claim_at(const ControlPaths& paths);

    ControlPaths paths_;
    int lock_;
    int socket_;
};

/// The asking end.
class ControlClient final {
public:
    enum class Problem : std::uint8_t { NotRunning, NotAllowed };

    /// Connects to the broker of `config_file`.
    explicit ControlClient(const std::optional<std::string>& config_file);
    ~ControlClient();
    ControlClient(const ControlClient&) = delete;
    ControlClient& operator=(const ControlClient&) = delete;

    [[nodiscard]] bool connected() const noexcept { return socket_ >= 0; }
    [[nodiscard]] Problem problem() const noexcept { return problem_; }
    /// The answer without its newline; nothing if none came in time.
    [[nodiscard]] std::optional<std::string> ask(std::string_view request);
    /// For requests that are much work.
    void wait_as_long_as_it_takes();
    /// After `stop`: returns when the broker has ended.
    void wait_for_end();
    /// Connected, blocking; stays the client's.
    [[nodiscard]] int descriptor() const noexcept { return socket_; }

private:
    int socket_ = -1;
    Problem problem_ = Problem::NotRunning;
};

}  // namespace vmq::launcher
