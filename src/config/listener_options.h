// The options of listeners: which kinds have them, and their rows of the setting table.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "config/setting.h"
#include "config/settings.h"

namespace vmq::config {

inline constexpr ListenerKind kListenerKinds[] = {
    ListenerKind::Tcp,  ListenerKind::Ssl,   ListenerKind::Ws,  ListenerKind::Wss,
    ListenerKind::Http, ListenerKind::Https, ListenerKind::Vmq, ListenerKind::Vmqs};

/// The word in a key: tcp, ssl, ...
[[nodiscard]] std::string_view word_of(ListenerKind kind) noexcept;
[[nodiscard]] std::optional<ListenerKind> listener_kind(std::string_view word) noexcept;

struct ListenerOption {
    Setting setting;          // its key is the bare name of the option
    std::uint32_t kinds = 0;  // bit n: the n-th ListenerKind has it
    std::uint32_t built = 0;  // bit n: and acts on it

    [[nodiscard]] bool has(ListenerKind kind) const noexcept {
        return (kinds >> static_cast<unsigned>(kind) & 1U) != 0;
    }
    [[nodiscard]] bool is_built(ListenerKind kind) const noexcept {
        return (built >> static_cast<unsigned>(kind) & 1U) != 0;
    }
};

/// Every option except the address itself.
[[nodiscard]] std::span<const ListenerOption> listener_options();
[[nodiscard]] const ListenerOption* find_listener_option(std::string_view name);

/// Whether `text` leaves the choice to the next wider level: nothing at all, or -1 where that says
/// so.
[[nodiscard]] bool inherits(const ListenerOption& option, std::string_view text);

}  // namespace vmq::config
