/** The default theme with the system's fonts, which need no download. Our style follows it, to replace its values. */

import theme from "vitepress/theme-without-fonts";

import "./style.css";

export default theme;
