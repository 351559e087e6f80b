// The manual pages of the programs and of vernemq.conf, made of the tables and texts that the
// programs use themselves.
#pragma once

#include <string>
#include <vector>

namespace vmq::man_pages {

struct Page {
    std::string file;  // vernemq.8
    std::string text;
};

[[nodiscard]] std::vector<Page> pages();

}  // namespace vmq::man_pages
