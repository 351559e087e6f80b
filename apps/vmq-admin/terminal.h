// Terminal: a screen of its own for as long as it lives.
#pragma once

#include <sys/types.h>
#include <termios.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace vmq::admin_tool {

/// Whether descriptor `out` is a terminal that understands the few sequences used here.
[[nodiscard]] bool is_capable_terminal(int in, int out);

/// Keys come as they are pressed and are not shown; the text that was there comes back at the end.
/// One at a time, by the main thread, which lets no signal end the process meanwhile.
class Terminal final {
public:
    Terminal(int in, int out);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    struct Size {
        std::size_t width;
        std::size_t height;
    };
    [[nodiscard]] Size size() const;
    /// Puts lines in the place of what is shown, without clearing it first.
    void show(const std::vector<std::string>& lines) const;
    /// Gives the terminal back and takes it again.
    void leave() const;
    void enter() const;

private:
    void write(std::string_view bytes) const;

    const int in_;
    const int out_;
    termios before_{};
};

}  // namespace vmq::admin_tool
