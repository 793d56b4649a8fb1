/** Anchors of headings, as GitHub computes them, so that a link works in the repository and in the site. */

import { slug } from "github-slugger";

/** Returns the anchor of a heading. The builder numbers repeated ones as GitHub does. */
export const slugify = (heading) => slug(heading);
